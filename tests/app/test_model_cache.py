"""The models a server listed last, as several programs keep and read them at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lmchat.app.model_cache import known_models, remember_models
from lmchat.chat.models import Model
from tests.settings.world import world_in

SERVER = "http://localhost:1234"


def test_programs_that_write_at_once_leave_a_whole_list_and_nothing_else(tmp_path: Path) -> None:
    world = world_in(tmp_path)
    lists = [[Model(f"{name}-{number}", "llm") for number in range(20 * (name + 1))] for name in range(4)]

    def work(models: list[Model]) -> set[int]:
        read = set()
        for _ in range(100):
            remember_models(world, SERVER, models)
            read.add(len(known_models(world, [SERVER])))
        return read

    with ThreadPoolExecutor(4) as pool:
        lengths = set().union(*pool.map(work, lists))
    assert lengths <= {20, 40, 60, 80}
    assert len(list(tmp_path.iterdir())) == 1
