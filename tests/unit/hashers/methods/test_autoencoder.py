"""The paper's autoencoder: its terms, its presets, and that numpy repeats what PyTorch learned."""

import numpy as np
import pytest
import torch

from hashlens.codes import unpack
from hashlens.errors import DataError, ParameterError
from hashlens.evaluation import evaluate_codes
from hashlens.hashers import create_hasher
from hashlens.hashers.math.whitening import within_class_whitening
from hashlens.hashers.methods.itq import ITQ
from hashlens.hashers.networks import losses
from hashlens.hashers.networks.autoencoder_network import (
    Autoencoder,
    AutoencoderLoss,
    folded,
    free_bits,
)
from hashlens.hashers.networks.loop import Training, make_optimizer
from hashlens.hashers.presets import PRESETS, Architecture, Schedule, Terms, resolve_preset

pytestmark = pytest.mark.torch

CLASSES, WIDTH, BITS = 6, 20, 16
SMALL = {"descriptor_units": 32}
QUICK = {"epochs": 4, "batch_size": 64}


def clusters(count=600, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    centers = np.random.default_rng(5).standard_normal((CLASSES, WIDTH))
    return (centers[labels] + 0.6 * rng.standard_normal((count, WIDTH))).astype(np.float32), labels


def make(bits=BITS, **params):
    params = {"architecture": SMALL, "schedule": QUICK} | params
    return create_hasher("autoencoder", bits, **params)


@pytest.mark.parametrize("preset", list(PRESETS))
@pytest.mark.parametrize("join_trunk", [False, True])
def test_numpy_gives_the_bits_of_the_network(preset, join_trunk):
    architecture = Architecture(
        **(
            {"batch_norm": PRESETS[preset].architecture.batch_norm}
            | SMALL
            | {"join_trunk": join_trunk}
        )
    )
    X, _ = clusters(50)
    mean, scale = X.mean(axis=0), float((X - X.mean(axis=0)).std())
    torch.manual_seed(0)
    network = Autoencoder(WIDTH, CLASSES, BITS, architecture)
    standard = torch.from_numpy((X - mean) / scale)
    network(standard)  # moves the batch norms' running statistics
    network.eval()
    with torch.inference_mode():
        expected = network(standard).numpy()
    hasher = make()
    for name, array in folded(network, mean, scale).items():
        setattr(hasher, f"{name}_", array)
    hasher.n_features_in_ = WIDTH
    np.testing.assert_allclose(hasher.project(X), expected, atol=2e-5)


def test_training_puts_classes_near_their_own():
    X, y = clusters()
    hasher = make(schedule={"epochs": 8, "batch_size": 64}).fit(X, y)
    bits = unpack(hasher.transform(X), BITS).astype(int)
    distance = (bits[:, None] != bits[None]).sum(axis=2)
    same = y[:, None] == y[None]
    assert distance[same].mean() < 0.5 * distance[~same].mean()
    assert hasher.history_[-1].precision_at_5 > 0.9


def test_the_same_seed_gives_the_same_model():
    X, y = clusters()
    first, again, other = (make(random_state=seed).fit(X, y) for seed in (1, 1, 2))
    for name in first.learned:
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.code_weights_, other.code_weights_)


def test_fitting_leaves_the_global_random_state_alone():
    X, y = clusters()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    make().fit(X, y)
    np.testing.assert_array_equal(torch.rand(3), expected)


def test_early_stopping_keeps_the_best_epoch_and_stops(monkeypatch):
    X, y = clusters()
    precision_at_5 = iter([0.2, 0.5, 0.4, 0.3, 0.9])
    weights = []

    def fake(self, data):
        weights.append(self.network.encoder.weight.detach().clone())
        return next(precision_at_5)

    monkeypatch.setattr("hashlens.hashers.networks.loop.Training._validate", fake)
    plain = {"batch_norm": False}
    hasher = make(
        architecture=SMALL | plain,
        schedule={"epochs": 9, "batch_size": 64, "patience": 2, "finish_epochs": 0},
    ).fit(X, y)
    assert [epoch.precision_at_5 for epoch in hasher.history_] == [0.2, 0.5, 0.4, 0.3]
    np.testing.assert_allclose(hasher.code_weights_, weights[1].numpy().T, rtol=1e-6)


def test_training_ends_on_all_vectors(monkeypatch):
    X, y = clusters()
    passed = []
    whole = Training._pass

    def watched(self, data, rows, optimizer, rate, order):
        before = rate.get_last_lr()[0]
        whole(self, data, rows, optimizer, rate, order)
        passed.append((set(rows.tolist()), before, rate.get_last_lr()[0]))
        return {}

    monkeypatch.setattr(Training, "_pass", watched)
    make(schedule=QUICK | {"learning_rate": 0.2, "finish_epochs": 2}).fit(X, y)
    rows, before, after = zip(*passed, strict=True)
    assert [len(part) for part in rows] == 4 * [540] + 2 * [600]
    assert (before[4], after[4], after[5]) == pytest.approx((0.1, 0.05, 0.0))


def test_epochs_are_reported_with_every_term_that_has_a_weight():
    X, y = clusters()
    seen = []
    terms = {
        "reconstruction": 1e-3, "penalty": 1e-5, "balance": 0.1,
        "decorrelation": 0.1, "quantization": 0.1, "distillation": 0.1,
    }  # fmt: skip
    make(terms=terms).fit(X, y, on_epoch=seen.append)
    assert [epoch.number for epoch in seen] == [1, 2, 3, 4]
    assert set(seen[0].losses) == set(terms) | {"nll"}


def test_a_term_of_weight_zero_is_left_out():
    network = Autoencoder(WIDTH, CLASSES, BITS, Architecture(**SMALL))
    X, y = clusters(32)
    computed = AutoencoderLoss(network, Terms(nll=0.0, balance=2.0))(
        torch.from_numpy(X), torch.from_numpy(y)
    )
    assert list(computed) == ["balance"]
    assert computed["balance"][0] == 2.0


# Each term against a naive loop


H = torch.rand(12, BITS, generator=torch.Generator().manual_seed(3))


def test_negative_log_likelihood():
    logits = torch.randn(12, CLASSES, generator=torch.Generator().manual_seed(4))
    labels = torch.arange(12) % CLASSES
    naive = 0.0
    for row, label in zip(logits.numpy(), labels.numpy(), strict=True):
        naive -= np.log(np.exp(row[label]) / np.exp(row).sum()) / 12
    assert losses.negative_log_likelihood(logits, labels).item() == pytest.approx(naive, rel=1e-5)


def test_reconstruction():
    x, restored = H[:, :8], H[:, 8:]
    naive = sum(
        sum((float(a) - float(b)) ** 2 for a, b in zip(*pair, strict=True))
        for pair in zip(x, restored, strict=True)
    )
    assert losses.reconstruction(x, restored).item() == pytest.approx(naive / 12, rel=1e-5)


@pytest.mark.parametrize("p", [1, 2])
def test_weight_penalty(p):
    naive = sum(abs(float(value)) ** p for value in H.flatten())
    assert losses.weight_penalty([H[:5], H[5:]], p).item() == pytest.approx(naive, rel=1e-5)


def test_balance_is_0_for_half_and_1_for_constant_bits():
    half = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    assert losses.balance(half).item() == 0
    assert losses.balance(torch.ones(4, 3)).item() == 1
    naive = np.mean([(2 * H[:, bit].mean().item() - 1) ** 2 for bit in range(BITS)])
    assert losses.balance(H).item() == pytest.approx(naive, rel=1e-4)


def test_decorrelation_is_the_mean_squared_correlation():
    correlation = np.corrcoef(H.numpy().T)
    naive = np.mean([correlation[i, j] ** 2 for i in range(BITS) for j in range(BITS) if i != j])
    assert losses.decorrelation(H).item() == pytest.approx(naive, rel=1e-4)


def test_quantization_is_0_for_bits_and_1_for_undecided():
    assert losses.quantization(torch.tensor([[0.0, 1.0]])).item() == 0
    assert losses.quantization(torch.full((2, 2), 0.5)).item() == 1


def test_distillation_is_the_divergence_of_neighbors_by_descriptor_and_by_code():
    x = torch.randn(12, WIDTH, generator=torch.Generator().manual_seed(5))

    def relations(vectors, i, temperature):
        v = vectors.double().numpy()
        v = v / np.linalg.norm(v, axis=1, keepdims=True)
        cosines = [v[i] @ v[j] for j in range(12)]
        weights = np.array([np.exp(cosines[j] / temperature) * (i != j) for j in range(12)])
        return weights / weights.sum()

    naive = 0.0
    for i in range(12):
        target, found = relations(x, i, 0.05), relations(2 * H - 1, i, 0.2)
        naive += sum(target[j] * np.log(target[j] / found[j]) for j in range(12) if i != j) / 12
    assert losses.distillation(H, x).item() == pytest.approx(naive, rel=1e-4)
    same = losses.distillation((3 * x + 1) / 2, x, teacher_temperature=0.2)
    assert same.item() == pytest.approx(0, abs=1e-5)


def test_free_bits_are_whitened_directions_behind_the_bits_that_are_trained():
    X, y = clusters()
    hasher = make(bits=32, architecture=SMALL | {"free_share": 0.6}).fit(X, y)
    trained = make(bits=16).fit(X, y)
    projected = hasher.project(X)
    np.testing.assert_allclose(projected[:, :16], trained.project(X), atol=1e-5)
    whitening = within_class_whitening(X, y, 3.0)
    itq = ITQ(16).fit(X @ whitening)
    np.testing.assert_allclose(projected[:, 16:], itq.project(X @ whitening), atol=1e-4)


@pytest.mark.parametrize(
    ("bits", "images", "width", "free"),
    [(32, 99, 99, 16), (64, 99, 99, 40), (128, 99, 99, 88), (8, 99, 99, 0), (128, 99, 20, 16),
     (128, 10, 99, 8), (64, 99, 7, 0)],
)  # fmt: skip
def test_how_many_bits_are_free(bits, images, width, free):
    assert free_bits(bits, 0.7, images, width) == free


def test_all_bits_free_leaves_eight_that_are_trained():
    assert free_bits(64, 1.0, 999, 99) == 56


def test_the_general_preset_keeps_apart_what_the_labels_do_not():
    """Trained on 6 coarse classes, its codes tell the 4 fine classes within each apart as well."""
    rng = np.random.default_rng(8)
    fine = np.arange(1200) % (4 * CLASSES)
    centers = np.repeat(2 * rng.standard_normal((CLASSES, WIDTH)), 4, axis=0)
    centers += rng.standard_normal(centers.shape)
    X = (centers[fine] + 0.4 * rng.standard_normal((1200, WIDTH))).astype(np.float32)
    found = {}
    for preset in ("default", "general"):
        hasher = make(
            preset=preset,
            architecture=SMALL | {"free_share": PRESETS[preset].architecture.free_share},
            schedule={"epochs": 10, "batch_size": 64},
        )
        codes = hasher.fit(X[:900], fine[:900] // 4).transform(X)
        found[preset] = [
            evaluate_codes(
                codes[900:], labels[900:], codes[:900], labels[:900], BITS
            ).precision.expected
            for labels in (fine // 4, fine)
        ]
    assert found["general"][0] > 0.95
    assert found["general"][1] > found["default"][1] + 0.1


def test_no_gradient_flows_into_the_decoders_target():
    network = Autoencoder(WIDTH, CLASSES, BITS, Architecture(**SMALL, tied=False))
    X, y = clusters(32)
    terms = AutoencoderLoss(network, Terms(nll=0.0, reconstruction=1.0))
    with torch.no_grad():
        network.decoder.weight.zero_()  # the decoder sees nothing of the code
    terms(torch.from_numpy(X), torch.from_numpy(y))["reconstruction"][1].backward()
    assert network.descriptor.weight.grad.abs().max() == 0


def test_the_tied_decoder_mirrors_the_encoder():
    network = Autoencoder(WIDTH, CLASSES, BITS, Architecture(**SMALL, join_trunk=True))
    expected = torch.sigmoid(H @ network.encoder.weight[:, :32] + network.decoder_bias)
    np.testing.assert_allclose(network.decode(H).detach(), expected.detach(), rtol=1e-5)


# Configuration


def test_the_paper_preset_is_the_papers_letter():
    paper = resolve_preset("paper")
    assert paper.architecture.descriptor_units == 4096
    assert paper.architecture.tied
    assert (paper.schedule.batch_size, paper.schedule.momentum) == (256, 0.9)
    assert paper.schedule.weight_decay == 5e-4
    assert (paper.terms.nll, paper.terms.reconstruction) == (1, 1)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"preset": "best"}, "must be one of default, general, paper"),
        ({"terms": {"nil": 1}}, "Terms has no field 'nil'. It has: nll"),
        ({"terms": {"p": 3}}, "'p' field of Terms must be 1 or 2"),
        ({"terms": {"nll": -1}}, "'nll' field of Terms must be at least 0"),
        ({"terms": {"nll": 0, "quantization": 0, "reconstruction": 0}}, "At least one weight"),
        ({"architecture": {"head": "round"}}, "'linear' or 'cosine'"),
        ({"schedule": {"epochs": 0}}, "'epochs' field of Schedule must be at least 1"),
        ({"schedule": {"validation_share": 1.0}}, r"must be in \(0, 1\)"),
    ],
)
def test_a_wrong_configuration_is_refused(params, message):
    X, y = clusters(60)
    with pytest.raises(ParameterError, match=message):
        make(**params).fit(X, y)


def test_a_diverging_training_says_so():
    X, y = clusters()
    params = {
        "schedule": QUICK | {"learning_rate": 1e30},
        "architecture": SMALL | {"batch_norm": False},
    }
    with pytest.raises(DataError, match="diverged"):
        make(**params).fit(X, y)


def test_too_few_vectors_for_a_validation_part():
    X, y = clusters(5)
    with pytest.raises(DataError, match="too few to hold out"):
        make().fit(X, y)


@pytest.mark.parametrize("steps", range(1, 14))
def test_however_few_steps_there_are_the_learning_rate_stays_below_its_peak(steps):
    parameters = torch.nn.Linear(2, 2).parameters()
    optimizer, rate = make_optimizer(parameters, Schedule(epochs=steps), batches=1)
    rates = []
    for _ in range(steps):
        optimizer.step()
        rates.append(optimizer.param_groups[0]["lr"])
        rate.step()
    assert 0 < max(rates) <= Schedule().learning_rate
