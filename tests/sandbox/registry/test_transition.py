"""What reward terms are functions of is known to whoever wants to add one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.api import RewardSpec, RewardTerm
from sandbox.registry.discover import registry
from sandbox.registry.transition import transition_fields


class Step:
    """What a step brought.

    Attributes:
        sold, lost: Items, in words that
            take two lines.
        price: EUR.
    """

    sold: int
    lost: int
    price: float


def sales(step: Step) -> float:
    return step.sold * step.price


ENTRIES = [("sold", "Items, in words that take two lines."), ("lost", "Items, in words that take two lines.")]


@pytest.mark.parametrize("domain", ["traffic", "locomotion", "chip", "inventory"])
def test_every_domain_says_what_its_terms_are_functions_of(domain):
    for task in registry().domains.get(domain).tasks:
        fields = transition_fields(task)
        assert len(fields) > 2
        assert all(meaning for _, meaning in fields)


def test_a_task_may_name_the_class_and_terms_may_be_annotated_with_it():
    task = next(iter(registry().domains.get("chip").tasks))
    named = transition_fields(replace(task, transition=Step))
    assert named == [*ENTRIES, ("price", "EUR.")]
    annotated = replace(task, rewards={"all": RewardSpec((RewardTerm("sales", sales),))})
    assert transition_fields(annotated) == named
    silent = replace(task, rewards={"all": RewardSpec((RewardTerm("sales", lambda step: step.sold),))})
    assert transition_fields(silent) == []
