"""The table of Web API methods that the embedded Slack knows."""

from __future__ import annotations

from gateway.embedded_slack import api_files, api_messages, api_views, api_workspace
from gateway.embedded_slack.web_api import Method

METHODS: dict[str, Method] = {
    "api.test": api_workspace.api_test,
    "auth.test": api_workspace.auth_test,
    "chat.delete": api_messages.delete,
    "chat.postEphemeral": api_messages.post_ephemeral,
    "chat.postMessage": api_messages.post_message,
    "chat.update": api_messages.update,
    "conversations.history": api_workspace.history,
    "conversations.info": api_workspace.conversation_info,
    "conversations.join": api_workspace.join_conversation,
    "conversations.list": api_workspace.list_conversations,
    "conversations.members": api_workspace.conversation_members,
    "conversations.open": api_workspace.open_conversation,
    "conversations.replies": api_workspace.replies,
    "files.completeUploadExternal": api_files.complete_upload,
    "files.getUploadURLExternal": api_files.upload_address,
    "files.info": api_files.file_info,
    "reactions.add": api_messages.add_reaction,
    "users.info": api_workspace.user_info,
    "users.list": api_workspace.list_users,
    "users.lookupByEmail": api_workspace.lookup_by_email,
    "views.open": api_views.open_view,
    "views.publish": api_views.publish_view,
    "views.push": api_views.push_view,
    "views.update": api_views.update_view,
}

READING = frozenset(
    {
        "api.test",
        "auth.test",
        "conversations.history",
        "conversations.info",
        "conversations.list",
        "conversations.members",
        "conversations.replies",
        "files.getUploadURLExternal",
        "files.info",
        "users.info",
        "users.list",
        "users.lookupByEmail",
    }
)
