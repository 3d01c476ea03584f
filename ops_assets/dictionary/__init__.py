"""What a definition's YAML may say: one module per kind of entry. Loading stands in ops_assets.catalog."""
