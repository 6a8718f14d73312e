"""Ports: remembered, never taken ones."""

import socket

from config.services.ports import Ports, any_free, is_free


def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_a_port_somebody_listens_on_is_not_free():
    with listening() as server:
        assert not is_free(server.getsockname()[1])


def test_a_port_is_remembered_from_start_to_start(tmp_path):
    first = Ports(tmp_path / "ports.json").take("redis")
    assert Ports(tmp_path / "ports.json").take("redis") == first


def test_a_remembered_port_that_is_taken_now_is_given_up(tmp_path):
    first = Ports(tmp_path / "ports.json").take("redis")
    with socket.create_server(("127.0.0.1", first)):
        assert Ports(tmp_path / "ports.json").take("redis") != first


def test_the_next_port_serves_where_the_first_choice_is_taken(tmp_path):
    first_choice = any_free()
    with socket.create_server(("127.0.0.1", first_choice)):
        assert first_choice < Ports(tmp_path / "ports.json").take("web", first_choice) <= first_choice + 9


def test_two_services_never_share_a_port(tmp_path):
    ports, choice = Ports(tmp_path / "ports.json"), any_free()
    assert ports.take("web", choice) != ports.take("sandbox", choice)


def test_a_broken_memory_is_forgotten(tmp_path):
    (tmp_path / "ports.json").write_text("{")
    assert Ports(tmp_path / "ports.json").take("redis") > 0


def test_two_installations_that_start_at_once_never_choose_the_same_port(tmp_path):
    first, second, choice = Ports(tmp_path / "one.json"), Ports(tmp_path / "two.json"), any_free()
    assert first.take("web", choice) != second.take("web", choice)


def test_an_installation_that_has_ended_leaves_its_ports_to_others(tmp_path):
    first, choice = Ports(tmp_path / "one.json"), any_free()
    port = first.take("web", choice)
    del first
    assert Ports(tmp_path / "two.json").take("web", choice) == port
