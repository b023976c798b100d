"""`devstack bench`: how long the Centre takes to list, search, suggest, read and record, at a million complaints.

It measures the real service as a process of its own, by HTTP, one request after another, on an embedded PostgreSQL.
"""

import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import httpx2
import sqlalchemy as sa
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from center1111.app import MIGRATIONS
from devstack.bench_data import PROVINCES, load_articles, load_complaints
from devstack.stack import HOST, Service, environment_of, mint_tokens, our_services
from servicekit import development_issuer
from servicekit.database import make_engine, make_sessions
from servicekit.embedded import Server, running_server
from servicekit.migrating import head_of, upgrade

screen = Console()

TARGET_MS: Final = 50.0
_READY_SECONDS: Final = 60.0
_WARM_UP: Final = 12  # each statement is planned anew for its first runs

Call = Callable[[httpx2.Client], httpx2.Response]


@dataclass(frozen=True, slots=True)
class Figures:
    """What calls of one kind took, in milliseconds; the CPU is that of the service's process alone, a request."""

    name: str
    milliseconds: Sequence[float]
    cpu_milliseconds: float | None
    has_target: bool

    def percentile(self, percent: int) -> float:
        """So many percent of the calls took no longer than this."""
        return statistics.quantiles(self.milliseconds, n=100)[percent - 1]


def bench(
    *,
    complaints: Annotated[int, typer.Option(min=100, help="How many complaints.")] = 1_000_000,
    articles: Annotated[int, typer.Option(min=10, help="How many articles.")] = 10_000,
    requests: Annotated[int, typer.Option(min=20, help="How many requests of each kind.")] = 200,
    data: Annotated[Path, typer.Option(help="The folder for the database; it is kept for the next run.")] = Path(
        ".data/bench-centre"
    ),
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8091,
) -> None:
    """Print p50 and p95 of list, search, suggestion, read and create at a million complaints."""
    with running_server(data / "postgres", durable=False) as server:
        name = f"bench_{complaints}_{articles}_{head_of(MIGRATIONS)}"
        _prepare(server, name, complaints, articles)
        service = our_services(port, port)[0]
        with _served(service, server.url(name), data) as (client, pid):
            found = [
                _measure(name, calls, has_target=has_target, client=client, pid=pid, requests=requests)
                for name, calls, has_target in _calls(client)
            ]
    slow = [one.name for one in found if one.has_target and one.percentile(95) > TARGET_MS]
    screen.print(_table(found, f"{complaints:,} complaints, {articles:,} articles, {requests} requests each"))
    if slow:
        screen.print(f"[bold]p95 is over {TARGET_MS:g} ms: {', '.join(slow)}")
        raise typer.Exit(1)


def _prepare(server: Server, name: str, complaints: int, articles: int) -> None:
    """Fill the database, unless an earlier run has."""
    server.create_database(name, exist_ok=True)
    engine = make_engine(server.url(name))
    sessions = make_sessions(engine)
    try:
        with engine.connect() as connection:
            if connection.scalar(sa.text("SELECT to_regclass('filled')")) is not None:
                return
        engine.dispose()  # its connection does not outlive the half-filled database
        server.drop_database(name)
        server.create_database(name)
        began = time.monotonic()
        with screen.status(f"Making {complaints:,} complaints and {articles:,} articles …"):
            upgrade(MIGRATIONS, server.url(name))
            load_articles(sessions, articles)
            with sessions.begin() as session:
                load_complaints(session, complaints)
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(sa.text("VACUUM ANALYZE"))
                connection.execute(sa.text("CREATE TABLE filled ()"))
        screen.print(f"{complaints:,} complaints and {articles:,} articles made in {time.monotonic() - began:.0f} s")
    finally:
        engine.dispose()


@contextmanager
def _served(service: Service, database_url: str, data: Path) -> Iterator[tuple[httpx2.Client, int]]:
    keys = data / "keys"
    for name in ("issuer", "exchange"):
        development_issuer.make_key_file(keys / f"{name}.json")
    development_issuer.write_public_keys(keys / "issuer.json", keys / "issuer.public.json")
    environment = environment_of(
        service,
        database_url=database_url,
        public_url=service.url,
        peers={},
        issuer_jwks=keys / "issuer.public.json",
        exchange_keys=keys / "exchange.json",
        relay_in_service=True,
        attachments=data / "attachments",
    )
    settings = {"CENTER1111_LOG_LEVEL": "warning", "CENTER1111_REMIND_IN_SERVICE": "false"}
    with (data / "service.log").open("ab") as log:
        process = subprocess.Popen([*service.command, "serve"], env={**environment, **settings}, stdout=log, stderr=log)
    token = mint_tokens(keys / "issuer.json", service)["admin"]
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with httpx2.Client(base_url=service.url, headers=headers, timeout=120.0, trust_env=False) as client:
            _wait_until_ready(client, process, data / "service.log")
            yield client, process.pid
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(client: httpx2.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + _READY_SECONDS
    while True:
        try:
            if client.get("/readyz").is_success:
                return
        except httpx2.TransportError:
            pass
        if process.poll() is not None or time.monotonic() > give_up_at:
            raise SystemExit(f"The Centre on {HOST} does not get ready; its log: {log}")
        time.sleep(0.05)


def _calls(client: httpx2.Client) -> Iterator[tuple[str, Sequence[Call], bool]]:
    """Kinds of calls, each with calls that are made in turn, and whether the target is for them."""

    def get(path: str) -> Call:
        return lambda client: client.get(path)

    def lists(*queries: str) -> list[Call]:
        return [get(f"/v1/complaints?{query}") for query in queries]

    provinces = [quote(province) for province in PROVINCES]
    first = client.get("/v1/complaints?limit=100&state=verified").raise_for_status().json()["items"]
    deep = client.get("/v1/complaints?state=closed&limit=100").raise_for_status().json()["next"]
    yield "list, the newest", lists("limit=20", "limit=50", "limit=20&sort=received_at"), True
    yield "list by state", lists("state=received", "state=verified,referred", "state=withdrawn", "state=closed"), True
    yield "list by channel, kind", lists("channel=letter&kind=inquiry", "channel=walk_in", "kind=request"), True
    yield "list by place", lists(*(f"province={province}" for province in provinces)), True
    yield "list by place and state", lists(*(f"province={one}&state=received,verified" for one in provinces)), True
    yield "list by work group", lists("work_group=audit&state=referred", "work_group=academic"), True
    yield "list referred", lists("referred_to=chumchon", "referred_to=chumchon&state=closed&kind=inquiry"), True
    yield (
        "list by due date",
        lists("sort=due_at&state=verified", "sort=due_at&standing=overdue", "standing=near_due"),
        True,
    )
    yield "list, repeat writers", lists("repeat_writer=true", "repeat_writer=true&state=received"), True
    yield "list, a later page", lists(f"state=closed&limit=100&cursor={deep}"), True
    yield "deadlines", [get(f"/v1/deadlines?{q}") for q in ("standing=overdue", "standing=near_due", "step=tell")], True
    counted = ("count=true", "standing=overdue&count=true", "step=answer&count=true")
    yield "deadlines, counted", [get(f"/v1/deadlines?{query}") for query in counted], True
    # Words of one sentence, of two, misspelt ones, and some that no text has.
    common = ("โครงการ", "ขอให้ตรวจสอบ", "ชุมชน", "โอนเงิน")
    rare = ("บ้านหนองสะแก", "เลขที่โครงการ 123456", "บ้านโคกตาล", "คำที่ไม่มีในระบบ")
    several = (
        "บ่อบาดาล บ้านวังทอง",
        "ปลาดุก ลาออก",
        "โซลาร์เซลล์ ผู้สูงอายุ",
        "วัวโรคปากเท้าเปื่อย บ้านแก่งงาม",
        "เครืองสีขาว",
    )
    for name, texts in (("common words", common), ("rare words", rare), ("several words", several)):
        yield f"search, {name}", lists(*(f"q={quote(text)}" for text in texts)), True
    yield "search in a state", lists(*(f"q={quote(text)}&state=received" for text in (*common, *rare, *several))), True
    yield "search articles", [get(f"/v1/articles?q={quote(text)}") for text in (*common, *rare, *several)], True
    yield "suggestions", [get(f"/v1/complaints/{one['id']}/suggestions") for one in first], True
    yield "duplicates", [get(f"/v1/complaints/{one['id']}/duplicates") for one in first], True
    yield "counts by state", [get("/v1/complaints/counts")], False
    yield "read", [get(f"/v1/complaints/{one['id']}") for one in first], False
    yield "create", [lambda client: client.post("/v1/complaints", json=_NEW)], False
    yield "healthz (nothing else)", [get("/healthz")], False


_NEW: Final[Mapping[str, Any]] = {
    "channel": "hotline",
    "kind": "complaint",
    "subject": "เครื่องสีข้าวชุมชนชำรุดใช้งานไม่ได้",
    "details": "กลุ่มแม่บ้านเกษตรกรขอแจ้งว่าเครื่องสีข้าวที่จัดซื้อตามโครงการชำรุดหลังใช้งานเพียงเดือนเดียว"
    " ผู้ขายไม่รับผิดชอบ ขอให้ส่งเจ้าหน้าที่ลงพื้นที่ตรวจสอบ และแจ้งผลให้ชุมชนทราบโดยเร็ว",
    "complainant": {"first_name": "สมศรี", "last_name": "ใจดี", "phone": "081 234 5678"},
    "place": {"province": "ลำพูน", "district": "เมืองลำพูน", "community": "บ้านกลาง"},
    "evidence": {"caller_number": "0812345678", "call_started_at": "2026-10-05T02:00:00Z"},
}


def _measure(
    name: str, calls: Sequence[Call], *, has_target: bool, client: httpx2.Client, pid: int, requests: int
) -> Figures:
    for call in [*calls] * (1 + _WARM_UP // len(calls)):
        call(client).raise_for_status()
    milliseconds = []
    cpu = _cpu_seconds(pid)
    for _, call in zip(range(requests), cycle(calls), strict=False):
        began = time.perf_counter()
        answer = call(client)
        milliseconds.append((time.perf_counter() - began) * 1000)
        answer.raise_for_status()
    after = _cpu_seconds(pid)
    used = None if cpu is None or after is None else (after - cpu) * 1000 / requests
    return Figures(name, milliseconds, used, has_target)


def _cpu_seconds(pid: int) -> float | None:
    """The CPU that a process has used so far, to a microsecond; None where the system does not tell."""
    try:
        tasks = [*Path(f"/proc/{pid}/task").iterdir()]
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    except (OSError, IndexError, ValueError):
        return None


def _table(found: Sequence[Figures], title: str) -> Table:
    table = Table(
        "calls", "ms p50", "ms p95", "ms max", "CPU ms", f"target {TARGET_MS:g} ms", title=title, box=box.SIMPLE
    )
    for one in found:
        verdict = ("met" if one.percentile(95) <= TARGET_MS else "[bold]missed") if one.has_target else ""
        cpu = "-" if one.cpu_milliseconds is None else f"{one.cpu_milliseconds:.2f}"
        times = (one.percentile(50), one.percentile(95), max(one.milliseconds))
        table.add_row(one.name, *(f"{each:.1f}" for each in times), cpu, verdict)
    return table
