"""Who witnesses the log: said by admins, on record."""

import base64
import hashlib

from tests.controlplane.conftest import Api


def a_key(name: str = "witness.example/w1", kind: int = 4, octets: int = 32) -> str:
    key = bytes([kind]) + bytes(range(octets))
    key_id = hashlib.sha256(f"{name}\n".encode() + key).hexdigest()[:8]
    return f"{name}+{key_id}+{base64.b64encode(key).decode()}"


URL = "https://witness.example/sealwright"


def test_is_added_listed_and_removed_and_leaves_rows(api: Api) -> None:
    added = api.made("/v1/log/witnesses", {"url": f"{URL}/", "key": a_key()})
    assert (added["name"], added["url"], added["key"]) == ("witness.example/w1", URL, a_key())
    assert [added[name] for name in ("size", "signed_at", "succeeded_at", "failure")] == [None] * 4
    other = api.made("/v1/log/witnesses", {"url": URL, "key": a_key("a.example")})
    listed = api.get("/v1/log/witnesses").json["items"]
    assert listed == [other, added]

    assert api.call("DELETE", f"/v1/log/witnesses/{added['id']}").status_code == 204
    assert api.get("/v1/log/witnesses").json["items"] == [other]
    gone = api.call("DELETE", f"/v1/log/witnesses/{added['id']}")
    assert (gone.status_code, gone.json["code"]) == (404, "witness_not_found")

    removed, _, made = api.rows(kind="change")[:3]
    assert (made["action"], made["object"]) == ("witness:add", "witness.example/w1")
    assert made["details"] == {"id": added["id"], "url": URL, "key": a_key()}
    assert f"witnesses/{added['id']}" in made["objects"]
    assert (removed["action"], removed["object"]) == ("witness:remove", "witness.example/w1")
    assert removed["objects"] == {f"witnesses/{added['id']}": None}


def test_each_key_is_there_once(api: Api) -> None:
    api.made("/v1/log/witnesses", {"url": URL, "key": a_key()})
    again = api.post("/v1/log/witnesses", {"url": f"{URL}/other", "key": a_key()})
    assert (again.status_code, again.json["code"]) == (409, "witness_exists")


NO_KEYS = (
    *("", "witness.example/w1", a_key(kind=1), a_key(octets=31), a_key("two words")),
    *(a_key()[:-1] + "!", a_key().replace("+", "+0", 1), a_key() + "x" * 500),
)


def test_a_key_is_a_witness_s_verifier_key(api: Api) -> None:
    for key in NO_KEYS:
        refused = api.post("/v1/log/witnesses", {"url": URL, "key": key})
        assert (refused.status_code, refused.json["field"]) == (400, "key"), key


NO_URLS = (
    *("", "witness.example", "ftp://witness.example", "https://", "https://a b.example"),
    *("http://witness.example", "http://10.0.0.1", "https://user@witness.example"),
    *("https://w.example/?a=1", "https://w.example/#x", "https://w.example:port"),
    *("https://[::1", "https://w.example/\n", "unix:/run/w"),
)


def test_a_url_is_https_unless_it_leads_to_this_machine(api: Api) -> None:
    for url in NO_URLS:
        refused = api.post("/v1/log/witnesses", {"url": url, "key": a_key()})
        assert (refused.status_code, refused.json["field"]) == (400, "url"), url


def test_http_is_for_this_machine(api: Api) -> None:
    for number, url in enumerate(
        ("http://127.0.0.1:7380", "http://[::1]:7380", "http://localhost/w")
    ):
        assert api.made("/v1/log/witnesses", {"url": url, "key": a_key(f"w{number}")})


def test_is_for_admins_and_shown_to_who_reads_everything(api: Api) -> None:
    body = {"name": "eve", "kind": "user", "role": "auditor"}
    auditor = str(api.made("/v1/identities", body)["api_key"])
    machine = api.machine("ci")
    added = api.made("/v1/log/witnesses", {"url": URL, "key": a_key()})
    assert api.get("/v1/log/witnesses", key=auditor).status_code == 200
    assert api.get("/v1/log/witnesses", key=machine).json["code"] == "reader_required"
    for key in (auditor, machine):
        new = {"url": URL, "key": a_key("other")}
        assert api.post("/v1/log/witnesses", new, key=key).json["code"] == "admin_required"
        refused = api.call("DELETE", f"/v1/log/witnesses/{added['id']}", key=key)
        assert refused.json["code"] == "admin_required"


def test_a_witness_has_another_name_than_the_log(api: Api) -> None:
    """Two keys of one name are told apart by four octets alone."""
    (log,) = api.get("/v1/log/keys").json["items"]
    refused = api.post("/v1/log/witnesses", {"url": URL, "key": a_key(log["origin"])})
    assert (refused.status_code, refused.json["field"]) == (400, "key")
