"""What Slack shows of a case: cards, buttons, modals, the Home tab, their limits and seals. Pure."""
