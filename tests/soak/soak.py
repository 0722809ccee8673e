"""A soak: a server, everybody who acts, and the report of what came of it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.e2e.process import Process
from tests.soak.gauges import MEGABYTE, Sample, sample
from tests.soak.operators import CONFIGURATIONS, Operator
from tests.soak.people import Person
from tests.soak.report import Report
from tests.soak.scene import Scene
from tests.soak.strangers import DEAF, Stranger

STRANGERS = 6

# Every so many people, one has a second client.
SECOND_CLIENTS = 4

# Seconds between two samples, and between two lines of progress.
SAMPLING = 1.0
TELLING = 60.0

# So long are things closed down after the last act (seconds).
LEAVING = 60.0

SETS = (
    "tls.required=false",
    "limits.login_seconds=10",
    "limits.write_seconds=20",
)


def soak(folder: Path, *, minutes: float, people: int, seed: int) -> Report:
    """Runs one with the data in this folder, and returns what there is to say of it."""
    print(f"a soak of {minutes:g} minutes, --seed {seed}", flush=True)
    names = tuple(f"p{number}" for number in range(people))
    file = folder / "parley.toml"
    file.write_text(CONFIGURATIONS[0])
    with Process(folder, *names, DEAF, file=str(file), sets=SETS) as server:
        scene = Scene(server, folder, names, seed)
        samples = asyncio.run(_run(scene, file, minutes * 60))
        server.terminate()
        status = server.wait()
        if status:
            scene.tally.fault(f"the server ended with status {status}")
    return Report.of(scene, samples, server.log)


async def _run(scene: Scene, file: Path, seconds: float) -> list[Sample]:
    samples: list[Sample] = []
    people = [
        Person(scene, number, ("home", "phone") if number % SECOND_CLIENTS == 0 else ("home",))
        for number in range(len(scene.people))
    ]
    sampling = asyncio.create_task(_sample(scene, samples))
    async with asyncio.TaskGroup() as acting:
        for person in people:
            for resource in person.resources:
                acting.create_task(person.live(resource))
        for number in range(STRANGERS):
            acting.create_task(Stranger(scene, number).live())
        acting.create_task(Operator(scene, file).live())
        await asyncio.sleep(seconds)
        scene.over.set()
    sampling.cancel()
    for person in people:
        await person.collects()
    scene.books.close()
    await _is_left_empty(scene)
    return samples


async def _sample(scene: Scene, samples: list[Sample]) -> None:
    told = time.monotonic()
    while True:
        samples.append(sample(scene.server))
        if time.monotonic() > told + TELLING:
            told = time.monotonic()
            memory, fates = samples[-1].memory / MEGABYTE, scene.books.fates
            print(
                f"{time.strftime('%H:%M:%S', time.gmtime())} {memory:.1f} MB, {sum(scene.tally.acts.values())} acts,"
                f" {fates['sent']} messages sent, {fates['received']} received, {scene.tally.fault_count} faults",
                flush=True,
            )
        await asyncio.sleep(SAMPLING)


async def _is_left_empty(scene: Scene) -> None:
    """When all have gone, the server has no session left."""
    deadline = time.monotonic() + LEAVING
    while (status := await scene.control("status"))["sessions"]:
        if time.monotonic() > deadline:
            scene.tally.fault(f"all have left, and there are still {status['sessions']} sessions")
            return
        await asyncio.sleep(0.1)
