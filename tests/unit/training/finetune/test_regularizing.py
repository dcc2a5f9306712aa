"""Rates by part, mixed batches, averaged weights, which epoch is kept; and a kill changes none."""

import copy
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hashlens.errors import ParameterError
from hashlens.hashers import create_hasher
from hashlens.hashers.presets import Schedule
from hashlens.training.finetune.mixed_precision import mixed_precision
from hashlens.training.finetune.regularizing import Mixture, moving_average, parameter_groups
from hashlens.training.finetune.tunable import tunable_head
from hashlens.training.finetune.tuned_network import TunedNetwork
from hashlens.training.finetune.tuning import Tuning
from hashlens.training.finetune.tuning_options import Regularization

CLASSES, CHANNELS, IMAGES = 3, 6, 60
LABELS = np.arange(IMAGES, dtype=np.int64) % CLASSES


class Maps:
    """Maps of noise with a bright channel a class."""

    def __init__(self):
        self.maps = torch.randn(IMAGES, 4, 5, 5, generator=torch.Generator().manual_seed(1))
        self.maps[np.arange(IMAGES), LABELS] += 1.0

    def draw(self, count, order):
        return torch.randint(2, (count,), generator=order).numpy()

    def gather(self, rows, views):
        chosen = self.maps[rows]
        chosen[views == 1] = chosen[views == 1].flip(-1)
        return chosen


def make_tuning(regularization=None, method="codebook", seed=0, labels=LABELS, **schedule):
    torch.manual_seed(0)
    body = torch.nn.Sequential(
        torch.nn.Conv2d(4, CHANNELS, 3),
        torch.nn.BatchNorm2d(CHANNELS),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
    )
    schedule = {"epochs": 3, "batch_size": 9} | schedule
    small = {"hidden": 5} if method == "codebook" else {"architecture": {"descriptor_units": 8}}
    hasher = create_hasher(method, 16, schedule=schedule, **small)
    head = tunable_head(hasher, CHANNELS, CLASSES, 1.0)
    network = TunedNetwork(body, head.network, lambda x: x)
    regularization = regularization or Regularization()
    device = torch.device("cpu")
    return Tuning(network, head, Maps(), labels, seed, device, regularization)


def weights_of(tuning):
    return {name: value.clone() for name, value in tuning.network.state_dict().items()}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert torch.equal(value, expected[name]), name


def test_the_body_has_its_own_rate_and_vectors_do_not_decay():
    tuning = make_tuning()
    body, head = tuning.network.suffix, tuning.network.head
    schedule = Schedule(learning_rate=0.1, weight_decay=0.01)
    groups = parameter_groups(body, head, schedule, 0.3)
    settings = {
        id(parameter): (group["lr"], group["weight_decay"])
        for group in groups
        for parameter in group["params"]
    }
    expected = {
        id(parameter): (rate, 0.01 if parameter.ndim > 1 else 0.0)
        for part, rate in ((body, 0.3 * 0.1), (head, 0.1))
        for parameter in part.parameters()
    }
    assert settings == expected


def test_the_cycle_keeps_the_ratio_of_rates(monkeypatch):
    tuning = make_tuning(Regularization(body_rate=0.25))
    rates = []
    step = torch.optim.SGD.step

    def noting(self, *arguments):
        rates.append([group["lr"] for group in self.param_groups])
        return step(self, *arguments)

    monkeypatch.setattr(torch.optim.SGD, "step", noting)
    tuning.run()
    body, head = np.array(rates)[:, 0], np.array(rates)[:, 2]
    np.testing.assert_allclose(body, 0.25 * head)
    assert head[0] < head.max() > 100 * head[-1]


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("method", ["codebook", "autoencoder"])
def test_a_mixture_has_the_losses_of_both_labels_by_their_shares(method, several):
    labels = torch.from_numpy(LABELS[:9])
    if several:
        labels = torch.nn.functional.one_hot(labels, CLASSES).bool()
        labels[::2, 0] = True
    tuning = make_tuning(method=method, labels=labels.numpy())
    head = tuning.head
    head.network.train()
    mixture = Mixture.draw(0.4, 9, torch.Generator().manual_seed(5))
    assert sorted(mixture.partners.tolist()) == list(range(9))
    x = torch.randn(9, 4, 5, 5)
    mixed = mixture.inputs(x)
    for row, partner in enumerate(mixture.partners.tolist()):
        expected = mixture.share * x[row] + (1 - mixture.share) * x[partner]
        torch.testing.assert_close(mixed[row], expected)
    features = tuning.network.features(mixed)
    before = copy.deepcopy(head.network.state_dict())
    found = mixture.terms(head, features, labels)
    once = copy.deepcopy(head.network.state_dict())
    head.network.load_state_dict(before)
    own = head.terms(features, labels)
    assert_same(once, head.network.state_dict())  # statistics count the batch once
    partners = labels[mixture.partners]
    other = head.terms(features, partners)
    assert found.keys() == own.keys()
    for name, (weight, term) in found.items():
        assert weight == own[name][0]
        expected = mixture.share * own[name][1] + (1 - mixture.share) * other[name][1]
        torch.testing.assert_close(term, expected)
    learned = "codeword" if method == "codebook" else "nll"
    assert own[learned][1] != other[learned][1]


def test_shares_are_those_of_a_beta_distribution():
    generator = torch.Generator().manual_seed(0)
    shares = np.array([Mixture.draw(0.2, 2, generator).share for _ in range(2000)])
    assert shares.mean() == pytest.approx(0.5, abs=0.03)
    assert shares.var() == pytest.approx(1 / (4 * (2 * 0.2 + 1)), rel=0.05)


def test_the_average_is_a_mean_first_and_then_exponential():
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    average = moving_average(network, 4.0)
    generator = torch.Generator().manual_seed(0)
    seen = []
    for _ in range(9):
        with torch.no_grad():
            for value in (network[0].weight, network[1].running_mean):
                value.copy_(torch.randn(value.shape, generator=generator))
        average.update_parameters(network)
        seen.append([network[0].weight.clone(), network[1].running_mean.clone()])
    for which, found in enumerate((average.module[0].weight, average.module[1].running_mean)):
        expected = torch.stack([step[which] for step in seen[:4]]).mean(dim=0)
        for step in seen[4:]:
            expected = 0.75 * expected + 0.25 * step[which]
        torch.testing.assert_close(found.detach(), expected.detach())


def test_averaged_weights_are_what_is_validated_and_kept(monkeypatch):
    judged, steps = [], []
    validate, update = Tuning._validate, torch.optim.swa_utils.AveragedModel.update_parameters
    monkeypatch.setattr(
        Tuning,
        "_validate",
        lambda self, network, *rows: (
            judged.append(copy.deepcopy(network.state_dict())) or validate(self, network, *rows)
        ),
    )
    monkeypatch.setattr(
        torch.optim.swa_utils.AveragedModel,
        "update_parameters",
        lambda self, network: (
            steps.append(copy.deepcopy(network.state_dict())) or update(self, network)
        ),
    )
    tuning = make_tuning(Regularization(average=0.2))
    tuning.run()
    window = 0.2 * len(steps)
    expected = steps[0]
    for number, weights in enumerate(steps[1:], 2):
        share = 1 / min(number, window)
        expected = {
            name: value + (weights[name] - value) * share for name, value in expected.items()
        }
    found = weights_of(tuning)
    assert_same(found, judged[-1])
    for name, value in found.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, expected[name])
    assert not torch.equal(found["suffix.0.weight"], steps[-1]["suffix.0.weight"])


@pytest.mark.parametrize(("decay", "kept", "done"), [("one-cycle", 4, 4), ("constant", 1, 3)])
def test_a_cycle_is_gone_through_and_a_constant_rate_waits_for_better(
    decay, kept, done, monkeypatch
):
    after = []
    figures = iter([0.5, 0.4, 0.3, 0.2])

    def validate(self, *arguments):
        after.append(weights_of(self))
        return next(figures)

    monkeypatch.setattr(Tuning, "_validate", validate)
    tuning = make_tuning(epochs=4, patience=2, decay=decay)
    assert len(tuning.run()) == done
    assert tuning.kept == kept
    assert_same(weights_of(tuning), after[kept - 1])


@pytest.mark.parametrize(
    ("regularization", "decay"),
    [
        (Regularization(), "one-cycle"),
        (Regularization(body_rate=0.3, mixup=0.2, average=0.3), "one-cycle"),
        (Regularization(body_rate=0.3, mixup=0.2, average=0.3), "constant"),
    ],
)
def test_a_killed_and_resumed_tuning_ends_with_the_same_weights(regularization, decay, tmp_path):
    undisturbed = make_tuning(regularization, decay=decay)
    history = undisturbed.run()

    class KillError(Exception):
        pass

    def kill(epoch):
        if epoch.number == 2:
            raise KillError

    checkpoint = tmp_path / "checkpoint.pt"
    killed = replace(make_tuning(regularization, decay=decay), checkpoint=checkpoint, on_epoch=kill)
    with pytest.raises(KillError):
        killed.run()
    # What is in memory after a kill is of no training at all.
    resumed = replace(make_tuning(regularization, decay=decay), checkpoint=checkpoint)
    with torch.no_grad():
        for parameter in resumed.network.parameters():
            parameter.fill_(7.0)
    found = resumed.run()
    assert [(e.losses, e.precision_at_5) for e in found] == [
        (e.losses, e.precision_at_5) for e in history
    ]
    assert_same(weights_of(resumed), weights_of(undisturbed))


def test_images_of_small_classes_are_shown_more_often(monkeypatch):
    sizes = np.array([48, 9, 3])
    labels = np.repeat(np.arange(3), sizes)
    shown, terms = [], Tuning._terms
    monkeypatch.setattr(
        Tuning,
        "_terms",
        lambda self, rows, *rest: shown.append(labels[rows]) or terms(self, rows, *rest),
    )

    def shares(balance):
        shown.clear()
        make_tuning(labels=labels, epochs=30, balance=balance).run()
        return np.bincount(np.concatenate(shown), minlength=3) / sum(map(len, shown))

    np.testing.assert_allclose(shares(0.0), sizes / sizes.sum(), atol=0.03)
    np.testing.assert_allclose(shares(1.0), np.full(3, 1 / 3), atol=0.1)


def test_few_images_are_shown_in_small_batches(monkeypatch):
    sizes, terms = [], Tuning._terms
    monkeypatch.setattr(
        Tuning,
        "_terms",
        lambda self, rows, *rest: sizes.append(len(rows)) or terms(self, rows, *rest),
    )
    make_tuning(epochs=1, batch_size=128).run()
    assert sizes == [16, 16, 16]


def test_the_network_sees_a_mixed_batch_and_the_loss_both_labels(monkeypatch):
    tuning = make_tuning(Regularization(mixup=0.5))
    tuning.network.eval()
    rows, partners = np.arange(9), torch.arange(8, -1, -1)
    monkeypatch.setattr(Mixture, "draw", lambda *_: Mixture(0.3, partners))
    found = tuning._terms(rows, np.zeros(9, np.int64), torch.Generator())
    x = Maps().maps[:9]
    with mixed_precision(tuning.network, tuning.device):
        features = tuning.network.features(0.3 * x + 0.7 * x[partners])
    own, other = (
        tuning.head.terms(features, torch.from_numpy(LABELS[order]))["codeword"][1]
        for order in (rows, rows[::-1].copy())
    )
    assert own.item() != pytest.approx(other.item())
    assert found["codeword"][1].item() == pytest.approx((0.3 * own + 0.7 * other).item(), rel=1e-5)


def test_each_option_changes_the_outcome():
    plain = make_tuning()
    plain.run()
    for option in ({"body_rate": 0.1}, {"mixup": 0.5}, {"average": 0.5}):
        other = make_tuning(Regularization(**option))
        other.run()
        changed = other.network.suffix[0].weight != plain.network.suffix[0].weight
        assert changed.any(), option


@pytest.mark.parametrize("option", [{"body_rate": 0.0}, {"mixup": -0.1}, {"average": 1.0}])
def test_values_out_of_range_are_refused(option):
    (name,) = option
    with pytest.raises(ParameterError, match=f"'{name}' field of Regularization must be"):
        Regularization(**option)
