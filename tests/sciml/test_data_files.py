"""Measurements with a noise, and from a file."""

import numpy as np
import pytest
import torch

import sciml


def test_noise_is_one_number_or_one_a_value():
    points, values = [[0.1], [0.2], [0.3]], [1.0, 2.0, 3.0]
    assert sciml.Data(points, values).noise is None
    assert sciml.Data(points, values, 0.5).noise.tolist() == [[0.5]] * 3
    assert sciml.Data(points, values, noise=np.array([1, 2, 3])).noise.tolist() == [[1.0], [2.0], [3.0]]
    for noise, said in (
        (0.0, "above 0"),
        (-1.0, "above 0"),
        ([1.0, 2.0], "one a value"),
        (np.nan, "finite"),
    ):
        with pytest.raises(sciml.ArgumentError, match=said):
            sciml.Data(points, values, noise=noise)


def test_a_file_of_columns(tmp_path):
    path = tmp_path / "probe.csv"
    path.write_text("# t, x ,T,sd\n0.0,0.5,20.5,0.1\n\n1,0.25,1e1,0.2\n", encoding="utf-8")
    data = sciml.Data.from_csv(path, ["t", "x"], "T", noise="sd", name="probe")
    assert data.points.tolist() == [[0.0, 0.5], [1.0, 0.25]]
    assert data.values.tolist() == [[20.5], [10.0]] and data.noise.tolist() == [[0.1], [0.2]]
    assert data.label == "probe"
    assert torch.equal(
        sciml.Data.from_csv(path, "x", "T", noise=0.3).noise, torch.full((2, 1), 0.3, dtype=torch.float64)
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,u\n", "rows of numbers"),
        ("", "with nothing"),
        ("x,v\n1,2\n", "one column 'u'"),
        ("x,u,u\n1,2,3\n", "one column 'u'"),
        ("x,u\n1,2\n3\n", "got 'nothing' in row 3"),
        ("x,u\n1,two\n", "got 'two' in row 2"),
        ("x,u\n1,nan\n", "got 'nan' in row 2"),
    ],
)
def test_bad_files(tmp_path, text, said):
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(sciml.ArgumentError, match=said):
        sciml.Data.from_csv(path, ["x"], "u")
    with pytest.raises(sciml.ArgumentError, match="readable file"):
        sciml.Data.from_csv(tmp_path / "none.csv", ["x"], "u")
