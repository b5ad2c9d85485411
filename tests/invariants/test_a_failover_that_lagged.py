"""A database that fails over to a replica which lagged: the servers that run on it notice."""

from pathlib import Path

from tests.invariants.callers import Reply, sign
from tests.invariants.loaded_service import until
from tests.postgresql import PostgresqlServer
from tests.server import ControlPlane, running


def test_nothing_is_signed_on_a_replica_that_lacks_rows(
    tmp_path: Path, postgresql: PostgresqlServer
) -> None:
    """A key that was revoked in the rows that it lacks answers no more either."""
    url = postgresql.new_database()
    with running(tmp_path / "plane", database=url) as plane:
        ci, gone = plane.create_machine("ci"), plane.create_machine("gone")
        plane.create_signer("release", "p256", ci="operator", gone="operator")
        assert sign(plane.port, ci, "before").status == 200
        lagged = postgresql.copy_by_dump(url)
        (key,) = plane.client().identity("gone").value.keys or []
        plane.client().revoke_key("gone", key.id)
        assert sign(plane.port, ci, "since").status == 200
        for number in range(20):  # every process has seen it
            assert sign(plane.port, gone, f"revoked-{number}").text == "api_key_revoked"

        fail_over(postgresql, url, lagged)
        for number in range(20):
            for caller in (ci, gone):
                answer = signed_in_time(plane, caller, f"after-{number}")
                assert (answer.status, answer.text) == (503, "store_rolled_back")
        assert '"event":"store_rolled_back"' in plane.log

        fail_over(postgresql, url, lagged)  # back to the one that has them all
        until(lambda: sign(plane.port, ci, "again").status == 200)
        assert sign(plane.port, gone, "again").text == "api_key_revoked"


def fail_over(postgresql: PostgresqlServer, url: str, other: str) -> None:
    """The two change names, under whoever is connected."""
    name, of_other = url.rpartition("/")[2], other.rpartition("/")[2]
    names = f"'{name}', '{of_other}'"
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ({names})"
    close = "; ".join(f"ALTER DATABASE {each} ALLOW_CONNECTIONS {{}}" for each in (name, of_other))
    for statement in (
        *close.format("false", "false").split("; "),
        end,
        f"ALTER DATABASE {name} RENAME TO aside",
        f"ALTER DATABASE {of_other} RENAME TO {name}",
        f"ALTER DATABASE aside RENAME TO {of_other}",
        *close.format("true", "true").split("; "),
    ):
        postgresql.run(statement, database="postgres")


def signed_in_time(plane: ControlPlane, api_key: str, text: str) -> Reply:
    """Not of the moment in which the connections broke."""
    answers: list[Reply] = []

    def is_answered() -> bool:
        answers.append(sign(plane.port, api_key, text))
        return answers[-1].text != "store_unavailable"

    until(is_answered)
    return answers[-1]
