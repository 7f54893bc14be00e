from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from annotator.backends.efficientnet import Network
from annotator.backends.protocols import PreparingTagger, Sampling, TagText
from annotator.backends.registry import Pack, verify
from annotator.backends.starter import ImageNetGrounder, resize_map, squash, unit
from annotator.core.scoring import heat_threshold
from annotator.core.wordnet import imagenet_classes

Photo = NDArray[np.uint8]


@pytest.fixture(scope="module")
def tagger(starter: Pack) -> PreparingTagger:
    return cast(PreparingTagger, starter.tagger())


@pytest.fixture(scope="module")
def grounder(starter: Pack) -> ImageNetGrounder:
    return cast(ImageNetGrounder, starter.grounder())


@pytest.fixture(scope="module")
def network(starter: Pack) -> Network:
    return cast(Network, starter.tagger()._net)  # type: ignore[attr-defined]


def test_logits_equal_those_of_the_package_s_own_network(network: Network, chelsea: Photo) -> None:
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    own = EfficientNet.from_name("efficientnet-lite2")  # padding fixed for 260 pixels
    file = next(file for role, file, _, _ in verify("starter") if role == "tagger")
    own.load_state_dict(torch.load(file, weights_only=True))
    own.train(False)
    noise = np.random.default_rng(0).integers(0, 256, (260, 260, 3), dtype=np.uint8)
    batch = np.stack([squash(chelsea, 260, 260), noise])
    with torch.inference_mode():
        x = torch.from_numpy(batch).permute(0, 3, 1, 2).float().sub(127).div(128)
        expected = own(x).numpy()
    np.testing.assert_allclose(network.logits(batch), expected, atol=1e-3)


def test_features_at_stride_32_pool_to_the_logits(network: Network, chelsea: Photo) -> None:
    batch = squash(chelsea, 256, 288)[None]
    pooled = network.features(batch, stride=32).mean(axis=(1, 2))
    logits = network.logits(batch)
    # The bias of the classifier is the only difference.
    difference = (logits - pooled @ network.rows.T)[0]
    other = squash(chelsea[:, ::-1].copy(), 256, 288)[None]
    again = network.logits(other) - network.features(other, 32).mean(axis=(1, 2)) @ network.rows.T
    np.testing.assert_allclose(difference, again[0], atol=1e-3)


def test_a_denser_map_leaves_the_network_as_it_was(network: Network, chelsea: Photo) -> None:
    batch = squash(chelsea, 256, 320)[None]
    before = network.logits(batch)
    assert network.features(batch, stride=16).shape == (1, 16, 20, 1280)
    assert network.features(batch, stride=32).shape == (1, 8, 10, 1280)
    np.testing.assert_array_equal(network.logits(batch), before)
    with pytest.raises(ValueError, match="stride 8"):
        network.features(batch, stride=8)


def test_the_dense_map_agrees_with_the_coarse_one(network: Network, china: Photo) -> None:
    batch = squash(china, 256, 384)[None]
    palace = network.rows[imagenet_classes().index("n03877845")]
    dense = network.features(batch, stride=16)[0] @ palace
    coarse = network.features(batch, stride=32)[0] @ palace
    halves = dense.reshape(8, 2, 12, 2).mean(axis=(1, 3))
    assert np.corrcoef(halves.ravel(), coarse.ravel())[0, 1] > 0.8


def test_real_photographs_get_the_right_name(
    tagger: PreparingTagger, chelsea: Photo, coffee: Photo, china: Photo
) -> None:
    answers = tagger.propose([chelsea, coffee, china], "", Sampling(top=3))
    cat, cup, tower = ({label.wordnet_id for label in one[0].labels} for one in answers)
    assert cat & {"n02123045", "n02123159", "n02124075"}  # tabby, tiger cat, Egyptian cat
    assert cup & {"n07920052", "n07930864", "n03063599"}  # espresso, cup, coffee mug
    assert tower & {"n03877845", "n03781244"}  # palace, monastery


def test_labels_are_sorted_probabilities_of_named_synsets(
    tagger: PreparingTagger, chelsea: Photo
) -> None:
    [[answer]] = tagger.propose([chelsea], "ignored", Sampling(top=1000))
    labels = answer.labels
    assert (answer.text, answer.failure) == ("", None)
    assert len(labels) == 1000
    probabilities = [label.token_probabilities[0] for label in labels]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1.0, abs=1e-4)
    assert {label.wordnet_id for label in labels} == set(imagenet_classes())
    names = {label.wordnet_id: label.text for label in labels}
    assert names["n02123045"] == "tabby"
    assert names["n02124075"] == "Egyptian cat"
    assert len(tagger.propose([chelsea], "", Sampling(top=3))[0][0].labels) == 3


def test_nothing_asked_nothing_answered(tagger: PreparingTagger) -> None:
    assert tagger.propose([], "", Sampling()) == []


def test_asking_again_gives_the_same(tagger: PreparingTagger, coffee: Photo) -> None:
    first = tagger.propose([coffee], "", Sampling(top=5))
    assert tagger.propose([coffee], "", Sampling(top=5)) == first


def test_a_batch_answers_as_its_images_one_by_one(
    tagger: PreparingTagger, chelsea: Photo, coffee: Photo, china: Photo
) -> None:
    crops = [chelsea, coffee, china, chelsea[:150, :200], china[:, :100]] * 4
    assert len(crops) > tagger.batch
    together = tagger.propose(crops, "", Sampling(top=5))
    for crop, labels in zip(crops[:5], together, strict=False):
        alone = tagger.propose([crop], "", Sampling(top=5))[0]
        assert [x.wordnet_id for x in alone[0].labels] == [x.wordnet_id for x in labels[0].labels]
        for a, b in zip(alone[0].labels, labels[0].labels, strict=True):
            assert a.token_probabilities[0] == pytest.approx(b.token_probabilities[0], abs=1e-4)


def test_preparing_apart_changes_nothing(tagger: PreparingTagger, coffee: Photo) -> None:
    prepared = tagger.prepare(coffee)
    assert prepared.shape == (260, 260, 3)
    assert prepared.dtype == np.uint8
    assert tagger.answer([prepared], "", Sampling()) == tagger.propose([coffee], "", Sampling())


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (700, 2)])
def test_extreme_shapes_are_answered(
    tagger: PreparingTagger, grounder: ImageNetGrounder, size: tuple[int, int]
) -> None:
    image = np.full((*size, 3), 90, np.uint8)
    assert len(tagger.propose([image], "", Sampling(top=2))[0][0].labels) == 2
    assert np.isfinite(grounder.pixels(image)).all()


def test_squash_reads_views_and_read_only_memory(coffee: Photo) -> None:
    view = coffee[10:200:2, 30:300]
    frozen = view.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(squash(view, 40, 50), squash(frozen, 40, 50))
    np.testing.assert_array_equal(squash(frozen, *frozen.shape[:2]), frozen)


def test_vectors_have_unit_norm(grounder: ImageNetGrounder, chelsea: Photo) -> None:
    pixels = grounder.pixels(chelsea)
    assert pixels.dtype == np.float32
    assert pixels.shape[:2] == (18, 28)  # the longer side is 28 cells, the aspect is kept
    np.testing.assert_allclose(np.linalg.norm(pixels, axis=-1), 1.0, atol=1e-5)
    rows = grounder.texts([TagText("cat"), TagText("astronaut"), TagText("sofa")])
    assert rows.shape == (3, pixels.shape[-1])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=-1), 1.0, atol=1e-5)


def heat(grounder: ImageNetGrounder, image: Photo, name: str) -> NDArray[np.float32]:
    """Raw cosines at the image's size."""
    import cv2

    found = grounder.pixels(image) @ grounder.texts([TagText(name)])[0]
    assert found.min() >= -1.0
    assert found.max() <= 1.0
    return np.asarray(cv2.resize(found, image.shape[1::-1]), dtype=np.float32)


def test_heat_is_inside_the_thing(
    grounder: ImageNetGrounder, chelsea: Photo, coffee: Photo, china: Photo
) -> None:
    tower = heat(grounder, china, "palace")
    inside, outside = tower[60:360, 190:370], tower[:300, 470:]
    assert np.median(inside) > np.quantile(outside, 0.95)
    cup = heat(grounder, coffee, "cup of coffee")
    assert np.median(cup[40:160, 200:380]) > 2 * np.median(cup[:, :110])
    cat = heat(grounder, chelsea, "cat")
    assert np.median(cat[60:280, 60:330]) > np.quantile(cat[:200, 415:], 0.9)


def test_only_a_face_that_fills_its_photo_is_cut_lower(
    grounder: ImageNetGrounder, chelsea: Photo, coffee: Photo, china: Photo
) -> None:
    cat = heat(grounder, chelsea, "Egyptian cat")
    cut = heat_threshold(cat, grounder.filled)
    assert cut < heat_threshold(cat)
    face = cat[60:280, 60:330]  # with the fur between the eyes
    assert (face > cut).mean() > 0.75 > (face > heat_threshold(cat)).mean()
    for photo, name in ((coffee, "espresso"), (china, "palace")):
        beside = heat(grounder, photo, name)
        assert heat_threshold(beside, grounder.filled) == heat_threshold(beside)


def test_another_tag_is_colder_in_the_same_place(grounder: ImageNetGrounder, china: Photo) -> None:
    tower = (slice(60, 360), slice(190, 370))
    assert heat(grounder, china, "palace")[tower].mean() > 0.1
    assert heat(grounder, china, "dog")[tower].mean() < 0.03


def test_a_map_is_resized_about_its_middle() -> None:
    ramp = np.repeat(np.arange(4, dtype=np.float32)[None, :, None], 3, axis=0)
    found = resize_map(ramp, 3, 8)
    assert found.shape == (3, 8, 1)
    np.testing.assert_allclose(found[0, :, 0] + found[0, ::-1, 0], 3.0, atol=1e-6)


def test_a_zero_vector_has_no_direction() -> None:
    np.testing.assert_array_equal(unit(np.zeros((2, 3), np.float32)), np.zeros((2, 3)))
