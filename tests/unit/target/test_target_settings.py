"""What the service refuses to start with."""

import pytest

from target_service.parts import chosen_parts
from target_service.settings import SettingsError, load
from tests.support.target_world import World

SOUND = {"TARGET_TEST_MODE": "", "ARGON2_TIME_COST": "2", "ARGON2_MEMORY_KIB": "19456"}


def test_a_sound_environment_is_accepted_without_test_mode(world: World) -> None:
    settings = load(world.environment(**SOUND))
    assert not settings.test_mode and settings.argon2_memory_kib == 19456
    assert "JWT" not in repr(settings) and settings.jwt_secret not in repr(settings)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"JWT_SECRET": ""}, "JWT_SECRET"),
        ({"JWT_SECRET": "short"}, "JWT_SECRET"),
        ({"JWT_SECRET": "x" * 64}, "JWT_SECRET"),
        ({"JWT_SECRET": "changeme-changeme-changeme-changeme-0123456789"}, "JWT_SECRET"),
        ({**SOUND, "ARGON2_TIME_COST": "1"}, "ARGON2_TIME_COST"),
        ({**SOUND, "ARGON2_MEMORY_KIB": "1024"}, "ARGON2_MEMORY_KIB"),
        ({**SOUND, "TARGET_DEFECTS": "no-fence"}, "TARGET_DEFECTS"),
        ({"TARGET_TEST_MODE": "yes"}, "TARGET_TEST_MODE"),
        ({"STORE_URL": ""}, "STORE_URL"),
        ({"LEDGER_URL": "ftp://x"}, "LEDGER_URL"),
        ({"PORT": "http"}, "PORT"),
        ({"LEASE_S": "-1"}, "LEASE_S"),
        ({"LEASE_S": "nan"}, "LEASE_S"),
        ({"ACCESS_TTL_S": "7200"}, "ACCESS_TTL_S"),
        ({"LEDGER_TIMEOUT_S": "30"}, "LEDGER_TIMEOUT_S"),
        ({"BACKOFF_S": "60"}, "BACKOFF_S"),
    ],
)
def test_an_unsound_one_is_refused_by_name(world: World, change: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named) as refused:
        load(world.environment(**change))
    assert "\n" not in str(refused.value)


def test_all_problems_are_named_at_once(world: World) -> None:
    with pytest.raises(SettingsError, match=r"STORE_URL.*; .*PORT"):
        load(world.environment(STORE_URL="", PORT="x"))


def test_an_unknown_defect_is_refused(world: World) -> None:
    with pytest.raises(SettingsError, match="no-such"):
        chosen_parts(("no-such",))
