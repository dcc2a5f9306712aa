"""The report's figures against plain loops over images and distances."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hashlens.datasets.protocols import make_split
from hashlens.errors import DataError
from hashlens.evaluation import quantization_error
from hashlens.model.training_record import TrainingRecord
from hashlens.report import size_and_speed
from hashlens.report.document import learning

from .conftest import NoNetwork, document_of, fit, make_data


def naive_search(model, data):
    """Yield of each query its label, and every item's distance and label."""
    split = make_split(
        model.training.protocol,
        data.train.labels,
        data.test.labels,
        model.training.split_seed,
    )
    held = model.hasher.transform(data.train.vectors[split.database])
    for row in split.query:
        code = model.hasher.transform(data.test.vectors[row : row + 1])[0]
        distances = [int(np.unpackbits(code ^ other).sum()) for other in held]
        yield int(data.test.labels[row]), distances, data.train.labels[split.database].tolist()


def expected_shares(distances, labels, k=5):
    """Return of each label its expected share of the first k."""
    last = sorted(distances)[k - 1]
    nearer = sum(d < last for d in distances)
    shares: dict[int, float] = {}
    for distance, label in zip(distances, labels, strict=True):
        if distance <= last:
            chance = 1 if distance < last else (k - nearer) / distances.count(last)
            shares[label] = shares.get(label, 0.0) + chance / k
    return shares


def test_precision_at_5_of_each_class_is_that_of_plain_loops(document, data, model):
    by_class: dict[str, list[float]] = {name: [] for name in data.classes}
    for label, distances, labels in naive_search(model, data):
        share = expected_shares(distances, labels).get(label, 0.0)
        by_class[data.classes[label]].append(share)
    found = {one["name"]: one["precision_at_5"] for one in document["classes"]}
    assert found == pytest.approx({name: np.mean(shares) for name, shares in by_class.items()})
    shares = [one["precision_at_5"] for one in document["classes"]]
    assert shares == sorted(shares)
    mean = np.mean(np.concatenate(list(by_class.values())))
    assert document["searches"][0]["precision_at_5"] == pytest.approx(mean)
    low, high = document["searches"][0]["precision_at_5_interval"]
    assert 0 < low < mean < high < 1


def test_confusions_are_those_of_plain_loops(document, data, model):
    expected: dict[tuple[str, str], list[float]] = {}
    queries = 0
    for asked, distances, labels in naive_search(model, data):
        queries += 1
        for answered, share in expected_shares(distances, labels).items():
            if answered != asked:
                pair = data.classes[asked], data.classes[answered]
                expected.setdefault(pair, []).append(share)
    each = queries / len(data.classes)
    found = {(one["class"], one["answered_with"]): one["share"] for one in document["confusions"]}
    assert found == pytest.approx({pair: sum(s) / each for pair, s in expected.items()})
    assert document["confused_pairs"] == len(expected)
    counts = [one["answers"] for one in document["confusions"]]
    assert counts == sorted(counts, reverse=True)


def test_the_protocols_search_has_the_figures_of_an_evaluation(document, data, model):
    figures = model.evaluate(data, "standard", split_seed=3)
    about = {"protocol", "split", "bits", "method", "descriptor", "data", "codes"}
    search = document["searches"][0]
    assert search | {name: figures[name] for name in figures.keys() - about} == search
    assert search["database_seen_in_training"] is True
    assert search["precision_at_5_reachable"] == 1.0


def test_after_the_standard_protocol_test_images_search_each_other(document, data, model):
    search = document["searches"][1]
    assert search["database_seen_in_training"] is False
    assert (search["queries"], search["database"]) == (40, 39)
    codes = model.hasher.transform(data.test.vectors)
    precisions = []
    for row, code in enumerate(codes):
        others = np.delete(np.arange(len(codes)), row)
        distances = [int(np.unpackbits(code ^ codes[i]).sum()) for i in others]
        shares = expected_shares(distances, data.test.labels[others].tolist())
        precisions.append(shares.get(int(data.test.labels[row]), 0.0))
    assert search["precision_at_5"] == pytest.approx(np.mean(precisions))


@pytest.mark.parametrize("protocol", ["heldout", "unseen"])
def test_a_protocol_that_keeps_images_apart_searches_those(protocol, data, tmp_path):
    model = fit(data, protocol)
    model.save(tmp_path / "model")
    document = document_of(model, data, tmp_path / "model")
    assert [one["search"] for one in document["searches"]] == [f"{protocol} protocol"]
    assert document["searches"][0]["database_seen_in_training"] is False
    trained = {"heldout": 5, "unseen": 3}[protocol]
    assert document["data"]["trained_classes"] == trained
    assert document["classes_without_queries"] == {"heldout": 0, "unseen": 3}[protocol]
    rows = [query for _, distances, _ in naive_search(model, data) for query in distances]
    asked = document["searches"][0]
    assert asked["queries"] * asked["database"] == len(rows)


def test_codes_size_and_settings(document, data, model):
    codes = model.hasher.transform(data.train.vectors)
    ones = np.unpackbits(codes, axis=1).mean(axis=0)
    assert document["codes"]["share_of_ones"] == pytest.approx(ones.tolist())
    assert document["codes"]["bit_imbalance"] == pytest.approx(np.abs(ones - 0.5).mean())
    assert document["codes"]["quantization_error"] == quantization_error(codes, data.train.vectors)
    unique = 1000 * len(np.unique(codes, axis=0)) / len(codes)
    assert document["codes"]["unique_codes_per_thousand"] == pytest.approx(unique)
    assert document["size"]["bytes_per_image"] == 2
    arrays = f"hasher-{model.digest[:16]}.npz"
    assert set(document["size"]["model_files"]) == {"model.json", arrays}
    assert document["size"]["bundled_network_file"] is None
    assert document["speed"]["encode_seconds_per_image"] > 0
    assert document["speed"]["described_images"] == 32
    assert document["settings"]["command"] == "hashlens train it"
    assert document["settings"]["split_seed"] == 3
    assert document["data"]["parts"]["train"] == {
        "images": 90,
        "smallest_class": {"name": data.classes[0], "images": 18},
        "largest_class": {"name": data.classes[0], "images": 18},
    }
    assert (document["data"]["check"], document["data"]["findings"]) == (None, [])
    assert document["data"]["trained_on"] == 90
    assert document["machine"]["packages"]["numpy"] == np.__version__


def test_files_of_yours_are_not_counted_and_the_network_is(data, model, tmp_path):
    network = tmp_path / "network.onnx"
    network.write_bytes(bytes(1234))
    other = replace(model, network=network)
    other.save(tmp_path / "model")
    (tmp_path / "model" / "notes.txt").write_text("yours")
    sizes = size_and_speed.size_figures(model, tmp_path / "model")["model_files"]
    arrays, manifest = f"hasher-{other.digest[:16]}.npz", tmp_path / "model" / "model.json"
    assert {name: size for name, size in sizes.items() if not name.startswith("descriptor-")} == {
        "model.json": manifest.stat().st_size,
        arrays: (tmp_path / "model" / arrays).stat().st_size,
    }
    assert [size for name, size in sizes.items() if name.startswith("descriptor-")] == [1234]


def test_the_network_that_is_timed_is_the_model_directorys(data, model, tmp_path, monkeypatch):
    described = []

    class Exported(NoNetwork):
        def run(self, inputs):
            described.append(len(inputs))
            return super().run(inputs)

    exported = replace(model, descriptor=Exported())
    monkeypatch.setattr(size_and_speed, "load_model", lambda _: exported)
    (tmp_path / "descriptor.onnx").write_bytes(b"network")
    trained = replace(model, network=tmp_path / "descriptor.onnx")
    figures = size_and_speed.speed_figures(trained, data, tmp_path)
    assert sum(described) == 2 * figures["described_images"] == 64


def test_the_document_is_plain_json(document):
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_a_method_without_epochs_has_no_course(document):
    assert document["learning"] is None


def test_the_epoch_kept_is_the_first_of_the_best():
    tops = [0.2, 0.7, 0.7, 0.6]
    epochs = [{"number": n, "epochs": 30, "precision_at_5": top} for n, top in enumerate(tops, 1)]
    record = TrainingRecord("codebook", "photos", epochs=tuple(epochs))
    course = learning(record)
    assert (course["kept_epoch"], course["planned_epochs"], course["epochs"]) == (2, 30, epochs)
    assert learning(replace(record, details={"kept_epoch": 4}))["kept_epoch"] == 4


def test_examples_are_true(document, data, model):
    codes = {
        "train": model.hasher.transform(data.train.vectors),
        "test": model.hasher.transform(data.test.vectors),
    }
    for kind, rows in document["examples"].items():
        assert rows, kind
        for example in rows:
            query = example["query"]
            assert (query["part"], len(example["answers"])) == ("test", 5)
            asked = codes["test"][query["index"] - 1]
            every = np.unpackbits(asked ^ codes["train"], axis=1).sum(axis=1)
            distances = [answer["distance"] for answer in example["answers"]]
            assert distances == np.sort(every)[:5].tolist()
            for answer in example["answers"]:
                assert every[answer["index"] - 1] == answer["distance"]
                assert answer["right"] == (answer["classes"] == query["classes"])
                assert answer["name"] == f"train/<b>{answer['index']}</b>.png"
            assert example["right"] == np.mean([a["right"] for a in example["answers"]])


def test_worst_and_best_are_of_different_classes_and_in_order(document):
    worst, best = (document["examples"][kind] for kind in ("worst", "best"))
    assert all(example["right"] < 1 for example in worst)
    assert all(example["right"] > 0 for example in best)
    assert max(example["right"] for example in worst) <= min(example["right"] for example in best)
    firsts = [tuple(example["query"]["classes"]) for example in best]
    assert len(set(firsts)) == len(firsts)


def test_several_labels_per_image(tmp_path):
    data = make_data(several=True)
    # `itq` learns without labels, so any labels will do.
    model = fit(make_data())
    model.save(tmp_path / "model")
    document = document_of(model, data, tmp_path / "model")
    assert document["data"]["multi_label"] is True
    carried = data.test.labels.sum(axis=0)
    assert {one["label"]: one["queries"] for one in document["classes"]} == dict(
        enumerate(carried.tolist())
    )
    for example in document["examples"]["random"]:
        for answer in example["answers"]:
            shared = set(answer["classes"]) & set(example["query"]["classes"])
            assert answer["right"] == bool(shared)
    assert any(len(row["query"]["classes"]) > 1 for row in document["examples"]["random"])


@pytest.mark.parametrize("label", [-1, 5])
def test_a_label_without_a_name_is_an_error_not_a_crash(label, model, tmp_path):
    data = make_data()
    data.test.labels[7] = label
    model.save(tmp_path / "model")
    with pytest.raises(DataError, match=f"from 0 to 4.* {label}"):
        document_of(model, data, tmp_path / "model")


def test_too_few_test_images_to_search_each_other(tmp_path):
    data = make_data(test=5)
    model = fit(data)
    model.save(tmp_path / "model")
    document = document_of(model, data, tmp_path / "model")
    assert [one["search"] for one in document["searches"]] == ["standard protocol"]
