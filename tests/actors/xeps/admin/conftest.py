import pytest

from tests.world import Client, World

HOSTS = ('hosts.localhost.admins=["bard@localhost"]', 'hosts."example.org"={}')


@pytest.fixture
def world() -> World:
    return World("bard", "romeo", "juliet", sets=HOSTS)


@pytest.fixture
def bard(world: World) -> Client:
    return world.connect("bard", "globe")
