"""`limit-audit webhook ...`: addresses that receive a message when an audit ends."""

from typing import Annotated

import typer

from app.cli.output import AlwaysJson, AsJson, Key, Server, connect, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Send messages to addresses when audits end.")
WebhookId = Annotated[str, typer.Argument(help="id of the webhook")]
COLUMNS = ("id", "url", "format", "events", "disabled_at")
DELIVERY_COLUMNS = ("id", "created_at", "event", "status", "attempts", "response_status", "error")


@app.command()
def create(
    url: str,
    *,
    event: Annotated[
        list[str] | None, typer.Option(help="audit.succeeded, audit.failed, audit.cancelled; all if omitted")
    ] = None,
    message_format: Annotated[
        str | None,
        typer.Option("--format", help="json (signed facts), or slack: also Mattermost, Rocket.Chat"),
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="text of messages for people, such as '$dataset: $finding $link'")
    ] = None,
    server: Server = None,
    key: Key = None,
    _json: AlwaysJson = True,
) -> None:
    """Create a webhook and print it with its secret; the secret is never shown again."""
    given = {"url": url, "events": event, "format": message_format, "template": template}
    with connect(server, key) as client:
        print_json(client.post("/v1/webhooks", {name: value for name, value in given.items() if value}))


@app.command("list")
def list_all(*, server: Server = None, key: Key = None, json: AsJson = False) -> None:
    """List webhooks."""
    with connect(server, key) as client:
        webhooks = client.get("/v1/webhooks")
    print_json(webhooks) if json else print_table(webhooks, COLUMNS)


@app.command("test")
def send_test(
    webhook_id: WebhookId, *, server: Server = None, key: Key = None, _json: AlwaysJson = True
) -> None:
    """Send a test message; `deliveries` shows whether it arrived."""
    with connect(server, key) as client:
        print_json(client.post(f"/v1/webhooks/{webhook_id}/test"))


@app.command()
def deliveries(
    webhook_id: WebhookId, *, server: Server = None, key: Key = None, json: AsJson = False
) -> None:
    """List a webhook's messages, newest first."""
    with connect(server, key) as client:
        rows = list(client.pages(f"/v1/webhooks/{webhook_id}/deliveries"))
    print_json(rows) if json else print_table(rows, DELIVERY_COLUMNS)


@app.command()
def delete(webhook_id: WebhookId, *, server: Server = None, key: Key = None) -> None:
    """Delete a webhook."""
    with connect(server, key) as client:
        client.delete(f"/v1/webhooks/{webhook_id}")
