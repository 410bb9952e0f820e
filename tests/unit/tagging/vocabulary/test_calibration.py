"""Calibrations, and those that are stored."""

import pytest

from autotag.tagging.vocabulary.calibration import NEUTRAL, Calibration, Line, calibration_of, face_line

DEFAULT_MODEL = "826223623f94ee959b0fcdde105dddcdc5d08df390ca7c722ea3da987f6cd9a9"


def test_a_temperature_below_one_sharpens_and_keeps_the_sum() -> None:
    sharp = Calibration(temperature=0.5).sharpen([0.6, 0.3, 0.1, 0.0])
    assert sum(sharp) == pytest.approx(1)
    assert sharp[0] == pytest.approx(0.36 / 0.46)
    assert sharp[3] == 0


def test_the_neutral_calibration_changes_nothing() -> None:
    assert NEUTRAL.sharpen([0.2, 0.8]) == [0.2, 0.8]
    assert Line().correct(0.3) == pytest.approx(0.3)


def test_nothing_at_all_stays_nothing() -> None:
    assert Calibration(temperature=0.5).sharpen([0.0, 0.0]) == [0.0, 0.0]


def test_a_line_is_applied_to_the_logit() -> None:
    assert Line(offset=1.0, slope=0.0).correct(0.1) == pytest.approx(0.731, abs=1e-3)
    assert 0 < Line(0, 2).correct(0.0) < Line(0, 2).correct(1.0) < 1


def test_a_model_that_nobody_calibrated_gets_the_neutral_one() -> None:
    assert calibration_of("0" * 64) == NEUTRAL


def test_the_default_model_is_calibrated() -> None:
    calibration = calibration_of(DEFAULT_MODEL)
    assert 0.5 < calibration.temperature < 1.5
    for line in (calibration.of_class, calibration.of_kind, face_line()):
        assert line.slope > 0
    assert calibration.of_class.correct(0.7) < calibration.of_kind.correct(0.7)
