"""Options that every command shares; they may stand before and after the subcommand."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from sealwright.cli.tables import Within, page_items

if TYPE_CHECKING:
    from sealwright.client.client import Client
    from sealwright.client.connection import Connection

F = TypeVar("F", bound=Callable[..., object])


@dataclass(slots=True)
class Invocation:
    """What the shared options said; the one nearest to the end of the line wins."""

    json: bool = False
    url: str | None = None
    api_key_file: str | None = None
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    insecure: bool = False
    callers: "list[Client]" = field(default_factory=list)
    """Those that were made."""

    def client(self, *, with_key: bool = True) -> "Client":
        """Raises MisconfiguredError: what was said cannot be used."""
        # Not at the top: commands that call no server start faster without it.
        from sealwright.client.client import Client

        self.callers.append(Client(self.connection(with_key=with_key)))
        return self.callers[-1]

    def connection(self, *, with_key: bool) -> "Connection":
        """Raises MisconfiguredError: what was said cannot be used."""
        from sealwright.client.connection import Connection

        return Connection.resolve(
            os.environ,
            url=self.url,
            api_key_file=self.api_key_file,
            ca_file=self.ca_file,
            client_cert=self.client_cert,
            client_key=self.client_key,
            insecure=self.insecure,
            with_key=with_key,
        )


def invocation() -> Invocation:
    return click.get_current_context().ensure_object(Invocation)


def client(*, with_key: bool = True) -> "Client":
    """`with_key`: without one, a caller that is about to get it."""
    return invocation().client(with_key=with_key)


def _keep(context: click.Context, parameter: click.Parameter, value: object) -> None:
    kept = context.ensure_object(Invocation)
    if value and parameter.name is not None:
        setattr(kept, parameter.name, value)


def _shared(*names: str, **attributes: Any) -> click.Option:
    return click.Option(names, expose_value=False, callback=_keep, **attributes)


def _output_options() -> list[click.Parameter]:
    return [_shared("--json", is_flag=True, help="Print JSON, for machines.")]


def _connection_options() -> list[click.Parameter]:
    return [
        _shared(
            "--url",
            metavar="URL",
            help="http://HOST:PORT, https://HOST:PORT or unix:/PATH; several with commas are tried "
            "in turn.  [SEALWRIGHT_URL; http://127.0.0.1:8443]",
        ),
        _shared(
            "--api-key-file",
            metavar="FILE",
            help="A file (0600) with the caller's API key.  "
            "[SEALWRIGHT_API_KEY, SEALWRIGHT_API_KEY_FILE]",
        ),
        _shared(
            "--ca-file",
            metavar="FILE",
            help="PEM of the CA that the server's certificate comes from; otherwise the "
            "system's.  [SEALWRIGHT_CA_FILE]",
        ),
        _shared(
            "--client-cert",
            metavar="FILE",
            help="PEM of a TLS client certificate.  [SEALWRIGHT_CLIENT_CERT]",
        ),
        _shared("--client-key", metavar="FILE", help="Its key.  [SEALWRIGHT_CLIENT_KEY]"),
        _shared(
            "--insecure",
            is_flag=True,
            help="Send the API key over plain http to another machine.  [SEALWRIGHT_INSECURE]",
        ),
    ]


class _Sectioned(click.Command):
    """Help with the command's own options first and the shared ones under their own heading."""

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for parameter in self.get_params(context):
            if isinstance(parameter, click.Argument):
                continue  # the usage line names it
            if (record := parameter.get_help_record(context)) is not None:
                (own if parameter.expose_value else shared).append(record)
        for heading, records in (("Options", own), ("Shared options", shared)):
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


class _Name(click.types.StringParamType):
    """A text that a shell completes, where it names something that the server has a list of."""

    def shell_complete(
        self, context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from sealwright.cli.completion import complete_name

        return complete_name(context, parameter, incomplete)


class LocalCommand(_Sectioned):
    """A command that calls no server: it takes --json only."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.params += _output_options()


class ClientCommand(_Sectioned):
    """A command that calls the control plane."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        for parameter in self.params:
            if type(parameter.type) is click.types.StringParamType:
                parameter.type = _Name()
        self.params += [*_output_options(), *_connection_options()]


class Group(_Sectioned, click.Group):
    """Commands on one noun."""

    command_class = ClientCommand

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.params += [*_output_options(), *_connection_options()]

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)  # as they are written, not by the alphabet

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_commands(context, formatter)
        super().format_options(context, formatter)


def page_options(command: F) -> F:
    """--limit and --cursor, for lists."""
    limit = click.option(
        "--limit",
        type=Within(page_items),
        default=100,
        show_default=True,
        help="At most so many.",
    )
    cursor = click.option("--cursor", metavar="CURSOR", help="Go on after the page that gave it.")
    return limit(cursor(command))
