"""Fine-tuning a small network: its loss falls, a kill changes nothing, the export is the same."""

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")
pytest.importorskip("onnxscript")

from small_network import SIZE, SmallNetwork

from hashlens.datasets.dataset import Dataset, LabeledImages
from hashlens.datasets.opening import load_dataset
from hashlens.datasets.protocols import make_split
from hashlens.descriptors.base import standardize
from hashlens.descriptors.default import default_descriptor
from hashlens.descriptors.spec import DescriptorSpec
from hashlens.errors import DataError, HashlensError, ParameterError
from hashlens.hashers import create_hasher
from hashlens.model.loading import load_model
from hashlens.training.finetune import activations
from hashlens.training.finetune import backbone as backbones
from hashlens.training.finetune.activations import cache_activations
from hashlens.training.finetune.backbone import load_backbone
from hashlens.training.finetune.batch_norms import revive_batch_norms
from hashlens.training.finetune.frozen_part import FrozenPart
from hashlens.training.finetune.run import finetune
from hashlens.training.finetune.tuning_inputs import CachedActivations, DecodedImages
from hashlens.training.finetune.tuning_options import TuningOptions, Workplace
from hashlens.training.finetune.views import view
from hashlens.training.listener import Listener

CLASSES = 3


class Tiles(LabeledImages):
    """Tiles of one color a class, with noise."""

    def __init__(self, count, seed, classes=CLASSES):
        self.labels = np.arange(count, dtype=np.int64) % classes
        rng = np.random.default_rng(seed)
        self.files = []
        for label in self.labels:
            pixels = rng.integers(0, 120, (SIZE, SIZE, 3)).astype(np.uint8)
            pixels[..., label % 3] += 100
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG")
            self.files.append(buffer.getvalue())

    def read(self, index):
        return self.files[index]

    def name(self, index):
        return f"tile {index}"


@pytest.fixture(scope="module")
def tiles():
    return Dataset(("r", "g", "b"), Tiles(90, 0), Tiles(12, 1), "tiles")


def hasher_of(method="codebook", epochs=3):
    schedule = {"epochs": epochs, "batch_size": 16, "patience": epochs}
    small = {"hidden": 0} if method == "codebook" else {"architecture": {"descriptor_units": 8}}
    return create_hasher(method, 16, schedule=schedule, **small)


class Unopened(Tiles):
    """Labels of images that must not be looked at."""

    def __init__(self, labels):
        self.labels = np.asarray(labels, dtype=np.int64)

    def read(self, index):
        raise AssertionError("an image was opened")


def tune(tiles, folder, hasher=None, on_epoch=None, descriptor=None, **options):
    options = TuningOptions(**{"blocks": 1, "device": "cpu"} | options)
    hasher = hasher or hasher_of()
    place = Workplace(folder, folder.parent / "cache")
    listener = Listener(on_epoch=on_epoch)
    return finetune(tiles, descriptor or SmallNetwork(), hasher, options, place, listener)


@pytest.mark.parametrize(
    ("method", "kind"), [("codebook", "last"), ("autoencoder", "last"), ("codebook", "all")]
)
def test_the_loss_falls_and_the_saved_model_codes_without_the_network(
    tiles, tmp_path, method, kind
):
    model = tune(tiles, tmp_path / "work", hasher_of(method, 4), tune=kind)
    epochs = model.training.epochs
    first, last = (sum(epoch["losses"].values()) for epoch in (epochs[0], epochs[-1]))
    assert last < first
    assert max(epoch["precision_at_5"] for epoch in epochs) > 0.8
    assert model.training.details["export_cosine"] > 0.9999
    model.save(tmp_path / "model")
    shutil.rmtree(tmp_path / "work")
    loaded = load_model(tmp_path / "model")
    pixels = np.random.default_rng(2).integers(0, 256, (5, SIZE, SIZE, 3)).astype(np.uint8)
    codes, vectors = loaded.encode_pixels(pixels)
    assert codes.shape == (5, 2)
    assert loaded.spec.digest != SmallNetwork().spec.digest
    assert np.abs(vectors - SmallNetwork().describe(pixels)).max() > 1e-3


def test_a_killed_and_resumed_training_ends_with_the_same_model(tiles, tmp_path):
    undisturbed = tune(tiles, tmp_path / "a")

    class KillError(Exception):
        pass

    def kill(epoch):
        if epoch.number == 1:
            raise KillError

    with pytest.raises(KillError):
        tune(tiles, tmp_path / "b", on_epoch=kill)
    numbers = []
    resumed = tune(tiles, tmp_path / "b", on_epoch=lambda e: numbers.append(e.number))
    assert numbers == [2, 3]
    assert resumed.digest == undisturbed.digest
    assert resumed.spec.weights_sha256 == undisturbed.spec.weights_sha256


@pytest.mark.parametrize("kind", ["last", "all"])
def test_a_descriptor_is_not_changed_by_its_tuning(tiles, tmp_path, kind):
    descriptor = SmallNetwork()
    models = [
        tune(tiles, tmp_path / name, hasher_of(epochs=1), descriptor=descriptor, tune=kind)
        for name in ("first", "second")
    ]
    assert models[0].digest == models[1].digest
    fresh = SmallNetwork().network.state_dict()
    for name, value in descriptor.network.state_dict().items():
        assert torch.equal(value, fresh[name]), name


def test_a_descriptor_stays_where_it_is_and_what_it_is():
    descriptor = SmallNetwork()
    descriptor.network.double()  # as little the backbone's form as another device
    backbone = load_backbone(descriptor)
    assert {p.dtype for p in descriptor.network.parameters()} == {torch.float64}
    assert {p.dtype for unit in backbone.units for p in unit.parameters()} == {torch.float32}


@pytest.mark.parametrize("protocol", ["heldout", "unseen"])
def test_only_images_that_the_protocol_allows_are_trained_on(protocol, tmp_path, monkeypatch):
    data = Dataset((*"abcd",), Tiles(80, 0, classes=4), Tiles(16, 1, classes=4), "tiles")
    shown, gather = [], CachedActivations.gather
    monkeypatch.setattr(
        CachedActivations,
        "gather",
        lambda self, rows, views: shown.append(rows) or gather(self, rows, views),
    )
    labels = data.train.labels
    model = tune(data, tmp_path / "work", hasher_of(epochs=1), protocol=protocol, split_seed=3)
    split = make_split(protocol, labels, data.test.labels, 3)
    assert set(np.concatenate(shown).tolist()) == set(split.fit.tolist())
    assert model.training.images == len(split.fit) < len(labels)
    assert model.training.classes == len(np.unique(labels[split.fit]))


@pytest.mark.parametrize("crops", [0, 2])
def test_crops_are_trained_on_and_images_validated_on(tiles, tmp_path, monkeypatch, crops):
    shown = []
    gather = CachedActivations.gather

    def recorded(self, rows, views):
        shown.append((torch.is_inference_mode_enabled(), set(views.tolist())))
        return gather(self, rows, views)

    monkeypatch.setattr(CachedActivations, "gather", recorded)
    model = tune(tiles, tmp_path / "work", hasher_of(epochs=2), crops=crops)
    assert model.training.details["crops"] == crops
    trained = [views for judging, views in shown if not judging]
    assert set.union(*trained) == set(range(1 + crops))
    assert {0} == set.union(*(views for judging, views in shown if judging))


def test_a_checkpoint_of_other_options_is_refused(tiles, tmp_path):
    tune(tiles, tmp_path / "work", hasher_of(epochs=1))
    checkpoint = tmp_path / "work" / "checkpoint.pt"
    before = checkpoint.read_bytes()
    with pytest.raises(DataError, match=r"other data or options\. .*remove .*work to start over"):
        tune(tiles, tmp_path / "work", hasher_of(epochs=1), seed=1)
    assert checkpoint.read_bytes() == before


def test_a_full_disk_keeps_the_checkpoint_before(tiles, tmp_path, monkeypatch):
    save, numbers = torch.save, []

    def full(state, path):
        if numbers == [1]:
            path.write_bytes(b"half")
            raise RuntimeError("PytorchStreamWriter failed: file write failed")
        save(state, path)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(HashlensError, match="Free some space, then run the same command again"):
        tune(tiles, tmp_path / "work", on_epoch=lambda e: numbers.append(e.number))
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["checkpoint.pt"]
    monkeypatch.setattr(torch, "save", save)
    tune(tiles, tmp_path / "work", on_epoch=lambda e: numbers.append(e.number))
    assert numbers == [1, 2, 3]


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_cached_activations_are_those_of_every_view(tiles, tmp_path, monkeypatch, runtime):
    monkeypatch.setattr(FrozenPart, "runtime", runtime)
    network = load_backbone(SmallNetwork())
    prefix, suffix = network.cut(2)
    frozen = FrozenPart(prefix, network.spec, torch.device("cpu"), crops=2)
    inputs, held = cache_activations(tiles.train, frozen, tmp_path)
    rows = np.array([5, 2, 7])
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(tiles.train.read(i)))) for i in rows])
    assert held.indices.tolist() == list(range(90))
    order = torch.Generator().manual_seed(0)
    assert set(inputs.draw(50, order).tolist()) == {0, 1, 2}
    for number in range(3):
        shown = np.stack([view(image, number) for image in pixels])
        with torch.inference_mode():
            expected = prefix(torch.from_numpy(standardize(shown, network.spec)))
            whole = suffix(expected)
        found = inputs.gather(rows, np.full(3, number))
        torch.testing.assert_close(found, expected, rtol=2e-3, atol=1e-3)
        plain = torch.from_numpy(SmallNetwork().run(standardize(shown, network.spec)))
        torch.testing.assert_close(whole, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("crops", [0, 1, 3])
def test_a_network_that_is_tuned_whole_sees_views_of_decoded_images(tiles, crops):
    spec = SmallNetwork().spec
    inputs = DecodedImages(tiles.train, np.arange(10, 90), spec, crops)
    drawn = inputs.draw(2_000, torch.Generator().manual_seed(0))
    assert np.mean(drawn == 0) == pytest.approx(1 / (1 + crops), abs=0.05)
    assert len(np.unique(drawn[drawn > 0])) == np.sum(drawn > 0)
    rows, views = np.array([5, 2, 7]), np.array([0, 1, drawn.max()])
    images = [np.asarray(Image.open(io.BytesIO(tiles.train.read(10 + row)))) for row in rows]
    shown = np.stack([view(image, int(n)) for image, n in zip(images, views, strict=True)])
    torch.testing.assert_close(
        inputs.gather(rows, views), torch.from_numpy(standardize(shown, spec))
    )


def test_an_image_that_vanishes_while_a_whole_network_is_tuned_is_named(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(3):
            Image.new("RGB", (SIZE, SIZE), (number, 0, 0)).save(tmp_path / name / f"{number}.png")
    images = load_dataset(tmp_path).train
    inputs = DecodedImages(images, np.arange(len(images)), SmallNetwork().spec, crops=1)
    Path(images.name(0)).unlink()
    with pytest.raises(
        DataError, match=r"\.png was read before and is needed again: can't be read: no such"
    ):
        inputs.gather(np.arange(2), np.arange(2))


@pytest.mark.parametrize("lacking", [0, 1])
def test_room_is_asked_for_the_rows_that_are_missing(tiles, tmp_path, monkeypatch, lacking):
    network = load_backbone(SmallNetwork())
    prefix, _ = network.cut(2)
    frozen = FrozenPart(prefix, network.spec, torch.device("cpu"), crops=1)
    cache_activations(Tiles(40, 7), frozen, tmp_path)  # other images
    some = Tiles(90, 0)
    some.labels, some.files = some.labels[:50], some.files[:50]
    cache_activations(some, frozen, tmp_path)
    # In half precision, of an image and a crop: 40 of the 90 images are missing.
    free = 40 * 2 * 2 * int(np.prod(frozen.shape)) + activations._SPARE - lacking
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: type("Usage", (), {"free": free}))
    described = []
    monkeypatch.setattr(
        FrozenPart,
        "describe",
        lambda self, pixels: (
            described.append(len(pixels))
            or np.zeros((len(pixels), 2 * int(np.prod(self.shape))), np.float32)
        ),
    )
    if lacking:
        with pytest.raises(DataError, match=r"Activations need .* GB .* are free"):
            cache_activations(tiles.train, frozen, tmp_path)
        assert not described
    else:
        cache_activations(tiles.train, frozen, tmp_path)
        assert sum(described) == 40


def test_batch_norms_are_revived_without_a_change_of_the_network():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).eval()
    torch.nn.init.uniform_(network[1].bias)
    batches = list(torch.randn(4, 8, 3, 6, 6, generator=torch.Generator().manual_seed(0)))
    with torch.inference_mode():
        before = network(batches[0])
        revive_batch_norms(network, batches)
        torch.testing.assert_close(network(batches[0]), before)
        inner = network[0](torch.cat(batches))
    torch.testing.assert_close(network[1].running_mean, inner.mean(dim=(0, 2, 3)))


def test_the_bundled_network_is_rebuilt_from_its_file():
    network = load_backbone(default_descriptor(threads=1))
    assert len(network.blocks) == 16
    prefix, _ = network.cut(3)
    with torch.inference_mode():
        assert prefix(torch.zeros(1, 3, 224, 224)).shape == (1, 192, 7, 7)


def test_the_filters_of_the_bundled_network_are_trained_from_norm_1():
    """Folded ones have norms from 0.1 to 14: at one rate, some would be shaken and others stay."""
    network = torch.nn.Sequential(*load_backbone(default_descriptor(threads=1)).units)
    filters = [m.weight.flatten(1) for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    lengths = torch.cat([some.norm(dim=1) for some in filters])
    assert lengths.max() < 1 + 1e-5
    assert (lengths > 1 - 1e-5).float().mean() > 0.99  # the others are all but zero in the file


def test_half_of_the_blocks_are_tuned_where_nothing_else_is_said(tiles, tmp_path):
    model = tune(tiles, tmp_path / "work", hasher_of(epochs=1), blocks=None)
    assert model.training.details["tuned_blocks"] == 2


def test_an_onnx_file_of_another_architecture_is_refused(monkeypatch):
    monkeypatch.setattr(backbones, "TWIN", "tf_efficientnet_lite1")
    with pytest.raises(DataError, match="another architecture .* 49 convolutions"):
        load_backbone(default_descriptor(threads=1))


@pytest.mark.parametrize(
    ("hasher", "options", "classes", "message"),
    [
        (hasher_of(), {"blocks": 4}, 3, "4 blocks, of which 1 to 3"),
        (hasher_of(), {"crops": -1}, 3, "'crops' field of TuningOptions must be at least 0"),
        (create_hasher("itq", 16), {}, 3, "'codebook' or 'autoencoder'"),
        (
            create_hasher("autoencoder", 16, preset="general"),
            {},
            3,
            "'free_share' needs a descriptor that does not change.* Got 0.7",
        ),
        (
            create_hasher("autoencoder", 16, terms={"distillation": 2.0}),
            {},
            3,
            "'distillation' needs a descriptor",
        ),
        (create_hasher("autoencoder", 16, preset="gneral"), {}, 3, "must be one of default"),
        (hasher_of(epochs=0), {}, 3, "'epochs' field of Schedule must be at least 1"),
        (
            create_hasher("codebook", 16, schedule={"finish_epochs": 2}),
            {},
            3,
            "'finish_epochs' field of 0. Got 2",
        ),
        (create_hasher("codebook", 8), {}, 300, "8 bits make only 256"),
        (create_hasher("codebook", 12), {}, 3, "multiple of 8"),
        (hasher_of(), {"device": "tpu"}, 3, "device 'tpu' is not available"),
    ],
)
def test_what_can_not_be_tuned_is_refused_before_an_image_is_opened(
    hasher, options, classes, message, tmp_path
):
    images = Unopened(np.arange(900) % classes)
    with pytest.raises(ParameterError, match=message):
        tune(Dataset((), images, images, "unopened"), tmp_path / "work", hasher, **options)
    assert not (tmp_path / "work").exists()


def test_one_class_is_refused_before_an_image_is_opened(tmp_path):
    images = Unopened(np.zeros(90))
    with pytest.raises(DataError, match="at least 2 classes"):
        tune(Dataset((), images, images, "unopened"), tmp_path / "work")


def test_no_place_for_checkpoints_is_told_before_an_image_is_opened(tmp_path):
    (tmp_path / "photo.jpg").touch()
    images = Unopened(np.arange(90) % 3)
    with pytest.raises(ParameterError, match=r"work, for the checkpoints .*, can't be made"):
        tune(Dataset((), images, images, "unopened"), tmp_path / "photo.jpg" / "work")


def test_the_convolutions_of_a_vgg_are_blocks(tiles, tmp_path):
    vgg = SmallNetwork()
    torch.manual_seed(0)
    vgg.network = timm.models.vgg.VGG([8, "M", 8, "M", 12, 12, "M"], num_classes=0).eval()
    vgg.network.pre_logits = timm.models.vgg.ConvMlp(12, vgg.spec.dimension).eval()
    backbone = load_backbone(vgg)
    assert [type(backbone.units[i]).__name__ for i in backbone.blocks] == [
        *["Conv2d"] * 4,
        "ConvMlp",
    ]
    prefix, suffix = backbone.cut(2)
    assert isinstance(prefix[-1], torch.nn.ReLU)
    pixels = torch.randn(2, 3, SIZE, SIZE)
    with torch.inference_mode():
        torch.testing.assert_close(suffix(prefix(pixels)), vgg.network(pixels))
    model = tune(tiles, tmp_path / "work", hasher_of(epochs=1), descriptor=vgg, blocks=2)
    assert model.training.details["export_cosine"] > 0.9999


def test_a_network_that_is_no_chain_is_refused():
    vit = SmallNetwork()
    vit.network = timm.create_model("test_vit", num_classes=0).eval()
    size = vit.network.default_cfg["input_size"][-1]
    vit.spec = DescriptorSpec.from_dict(vit.spec.to_dict() | {"input_size": size})
    with pytest.raises(ParameterError, match="not a chain of blocks"):
        load_backbone(vit)


@pytest.mark.parametrize("kind", ["last", "all"])
def test_a_validation_part_is_what_a_tuning_is_judged_by(tiles, tmp_path, kind):
    given = replace(tiles, validation=Tiles(12, 7))
    model = tune(given, tmp_path / "work", hasher_of(epochs=1), tune=kind)
    plain = tune(tiles, tmp_path / "plain", hasher_of(epochs=1), tune=kind)
    assert model.training.images == 102
    assert model.training.data_digest == plain.training.data_digest
    assert 0 <= model.training.epochs[0]["precision_at_5"] <= 1
