"""Looking inside a model gives what the model computes, and changes nothing."""

from functools import partial

import pytest
import torch
from test_model import to_hugging_face
from torch import nn
from torch.nn import functional as F

from minigpt import decoding, sampling
from minigpt.attention import causal_attention, causal_mask
from minigpt.config import GPTConfig
from minigpt.inspection import (
    Edit,
    ablate,
    activation,
    after_same_token,
    attention_maps,
    attribution,
    contributions,
    early_logits,
    edited,
    head_scores,
    leak_grid,
    mean_activation,
    patch,
    patching_map,
    previous_token,
    repeated_tokens,
    residual_stream,
    same_token,
    sources,
    steer,
    token_to_come,
    uniform_attention,
)
from minigpt.model import GPT

styles = pytest.mark.parametrize("modern", [False, True], ids=["gpt2", "modern"])
IDS = torch.tensor([[1, 5, 2, 0, 7, 7], [3, 3, 1, 4, 10, 9]])


def make_model(modern: bool = False) -> GPT:
    torch.manual_seed(0)
    config = GPTConfig(11, 8, n_layer=3, n_head=2, n_embd=16, modern=modern)
    model = GPT(config)
    for parameter in model.parameters():  # biases and norms must count, too
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


def logit_difference(logits):
    return logits[..., 4] - logits[..., 9]


def direction_of(model):
    weight = model.token_embedding.weight.detach()
    return weight[4] - weight[9]


@styles
def test_maps_are_the_weights_of_the_formula(modern):
    model = make_model(modern)
    maps, stream = attention_maps(model, IDS), residual_stream(model, IDS)
    assert [tuple(m.shape) for m in maps] == [(2, 2, 6, 6)] * 3
    for weights, x, block in zip(maps, stream, model.blocks, strict=False):
        _, expected = causal_attention(*block.attention.heads(block.norm1(x)))
        torch.testing.assert_close(weights, expected.detach())
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 2, 6))
        assert not weights.requires_grad
        assert (weights[..., ~causal_mask(6)] == 0).all()
        assert (weights[..., causal_mask(6)] > 0).all()


def test_maps_show_what_a_function_that_was_plugged_in_really_does():
    model = make_model()
    model.blocks[1].attention.attend = F.scaled_dot_product_attention  # no mask
    seen, before = [], model.blocks[2].attention.attend

    def mine(q, k, v):
        seen.append(v.shape)
        return before(q, k, v).flip(-2)

    model.blocks[2].attention.attend = mine
    right, leaky, flipped = attention_maps(model, IDS)
    assert not right.triu(1).any() and (leaky > 0).all()
    assert (flipped[..., 0, :] > 0).all() and (flipped[..., -1, 1:] == 0).all()
    assert len(seen) == 2 and model.blocks[2].attention.attend is mine


@styles
def test_the_stream_is_that_of_the_forward_pass(modern):
    model = make_model(modern)
    stream = residual_stream(model, IDS)
    assert [tuple(x.shape) for x in stream] == [(2, 6, 16)] * 4
    assert torch.equal(stream[0], model.embed(IDS))
    assert torch.equal(model.blocks[1](stream[1]), stream[2])
    assert torch.equal(model.unembed(stream[-1]), model(IDS))


def test_gradients_can_be_asked_for_along_the_stream():
    model = make_model()
    stream = residual_stream(model, IDS)
    loss = model.unembed(stream[-1]).logsumexp(dim=-1).mean()
    gradients = torch.autograd.grad(loss, stream)
    assert len(gradients) == 4 and all(g.abs().sum() > 0 for g in gradients)


LOOKS = [
    attention_maps,
    residual_stream,
    early_logits,
    contributions,
    partial(attribution, direction=torch.ones(16)),
    partial(sources, direction=torch.ones(16)),
    partial(activation, point="heads", layer=1),
    partial(mean_activation, point="stream", layer=3),
    lambda model, ids: patching_map(model, ids[:1], ids[1:], logit_difference),
    lambda model, ids: edited(model, [ablate("attention", 1)])(ids),
]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("training", [False, True])
def test_the_model_is_left_as_it_was(look, training):
    model = make_model().train(training)
    before = [vars(module).copy() for module in model.modules()]
    expected = model(IDS)
    look(model, IDS)
    assert [vars(module) for module in model.modules()] == before
    assert torch.equal(model(IDS), expected)
    assert all(p.grad is None for p in model.parameters())


def test_leak_grid_of_a_model_that_holds_and_of_one_that_leaks():
    torch.manual_seed(0)
    x = torch.randn(5, 16)
    block = make_model().blocks[0]
    assert torch.equal(leak_grid(lambda x: block(x[None])[0], x), causal_mask(5))
    block.attention.attend = nn.functional.scaled_dot_product_attention
    assert leak_grid(lambda x: block(x[None])[0], x).all()


@styles
def test_the_lens_ends_with_the_logits_and_begins_with_the_embeddings(modern):
    model = make_model(modern)
    logits = early_logits(model, IDS)
    assert logits.shape == (4, 2, 6, 11) and not logits.requires_grad
    assert torch.equal(logits[-1], model(IDS))
    assert torch.equal(logits[0], model.unembed(model.embed(IDS)))


@styles
def test_contributions_add_up_to_the_stream(modern):
    model = make_model(modern)
    parts = contributions(model, IDS)
    assert len(parts) == 2 - modern + 3 * (2 + 3)
    assert {part.shape for part in parts.values()} == {(2, 6, 16)}
    last = residual_stream(model, IDS)[-1].detach()
    torch.testing.assert_close(sum(parts.values()), last, atol=1e-4, rtol=0)


@styles
def test_attributions_add_up_to_the_difference_of_logits(modern):
    model = make_model(modern)
    parts = attribution(model, IDS, direction_of(model))
    assert ("norm bias" in parts) != modern
    total, expected = sum(parts.values()), logit_difference(model(IDS)).detach()
    torch.testing.assert_close(total, expected, atol=1e-4, rtol=0)


@styles
def test_a_direction_for_each_position_is_read_at_that_position(modern):
    model = make_model(modern)
    everywhere = attribution(model, IDS, direction_of(model))
    here = torch.zeros(2, 6, 16)
    here[1, 3] = direction_of(model)
    for name, part in attribution(model, IDS, here).items():
        torch.testing.assert_close(part[1, 3], everywhere[name][1, 3])
        assert part.count_nonzero() <= 1


@styles
def test_sources_add_up_to_the_attribution_of_the_head(modern):
    model = make_model(modern)
    parts = attribution(model, IDS, direction_of(model))
    by_position = sources(model, IDS, direction_of(model))
    assert by_position.shape == (3, 2, 2, 6, 6)
    assert not by_position[..., ~causal_mask(6)].any()
    for layer in range(3):
        for head in range(2):
            total = by_position[layer, :, head].sum(dim=-1)
            torch.testing.assert_close(total, parts[f"head {layer}.{head}"])


PLACES = [("stream", layer) for layer in range(4)] + [
    (point, layer)
    for point in ("heads", "attention", "feed_forward")
    for layer in range(3)
]


@styles
def test_edits_that_change_nothing_change_nothing(modern):
    model = make_model(modern)
    seen = []

    def keep(x):
        seen.append(tuple(x.shape))
        return x

    copy = edited(model, [Edit(*place, keep) for place in PLACES])
    assert torch.equal(copy(IDS), model(IDS))
    shapes = [(2, 2, 6, 8) if p == "heads" else (2, 6, 16) for p, _ in PLACES]
    assert sorted(seen) == sorted(shapes)
    assert torch.equal(edited(model, [])(IDS), model(IDS))


@pytest.mark.parametrize(("point", "layer"), PLACES)
def test_an_edit_is_made_where_it_should_be(point, layer):
    model = make_model()
    stream = residual_stream(model, IDS)
    x = stream[layer] * 0 if point == "stream" else stream[layer]
    for block in model.blocks[layer:]:
        here = block is model.blocks[min(layer, 2)] and layer < 3
        added = block.attention(block.norm1(x))
        if here and point == "heads":
            added = block.attention.out.bias
        x = x + added * (not (here and point == "attention"))
        more = block.feed_forward(block.norm2(x))
        x = x + more * (not (here and point == "feed_forward"))
    expected = model.unembed(x)
    torch.testing.assert_close(edited(model, [ablate(point, layer)])(IDS), expected)
    assert not torch.allclose(expected, model(IDS))


def test_taking_away_a_head_is_taking_away_its_columns_of_the_projection():
    model, without = make_model(), make_model()
    with torch.no_grad():
        without.blocks[1].attention.out.weight[:, 8:] = 0
    ablated = edited(model, [ablate("heads", 1, heads=[1])])
    torch.testing.assert_close(ablated(IDS), without(IDS))


@pytest.mark.parametrize("point", ["stream", "heads", "attention", "feed_forward"])
def test_the_mean_leaves_padding_out(point):
    model = make_model()
    where = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]]).bool()
    mean = mean_activation(model, IDS, point, 2, where)
    short = activation(model, IDS[:1, :4], point, 2)[0]
    long = activation(model, IDS[1:], point, 2)[0]
    every = torch.cat([short, long], dim=-2)
    expected = every.mean(dim=-2, keepdim=point == "heads")
    torch.testing.assert_close(mean, expected)
    assert not torch.allclose(mean, mean_activation(model, IDS, point, 2))
    replaced = activation(edited(model, [ablate(point, 2, mean)]), IDS, point, 2)
    torch.testing.assert_close(replaced, mean.expand_as(replaced))


@pytest.mark.parametrize("point", ["stream", "heads", "feed_forward"])
def test_the_patching_map_is_one_patch_after_the_other(point):
    model, ids, other = make_model(), IDS[:1], IDS[1:]

    def measure(logits):
        return logit_difference(logits[:, -1])

    result = patching_map(model, ids, other, measure, point)
    assert result.shape == (3 + (point == "stream"), 6)
    for layer, row in enumerate(result):
        source = activation(model, other, point, layer)
        for t, value in enumerate(row):
            patched = edited(model, [patch(point, layer, source, [t])])
            torch.testing.assert_close(value, measure(patched(ids)[:1]).squeeze())
    plain, theirs = measure(model(ids)), measure(model(other))
    if point == "stream":  # the last layer matters only where the logits are read
        torch.testing.assert_close(result[-1, :-1], plain.expand(5))
        torch.testing.assert_close(result[-1, -1:], theirs)


def test_a_whole_patch_makes_the_other_text():
    model = make_model()
    source = activation(model, IDS[1:], "stream", 1)
    patched = edited(model, [patch("stream", 1, source)])
    torch.testing.assert_close(patched(IDS[:1]), model(IDS[1:]))


def test_steering_adds_in_the_order_of_the_edits():
    model, vector = make_model(), torch.arange(16.0)
    edits = [ablate("stream", 2), steer(2, vector), steer(2, vector)]
    x = activation(
        edited(model, [*edits, Edit("stream", 3, lambda x: x)]), IDS, *edits[0][:2]
    )
    torch.testing.assert_close(x, 2 * vector.expand(2, 6, 16))


def test_an_edit_that_fails_leaves_no_trace():
    model = make_model()
    expected = model(IDS)

    def fail(x):
        raise RuntimeError("a mistake in an edit")

    for point, layer in PLACES:
        with pytest.raises(RuntimeError, match="a mistake in an edit"):
            edited(model, [Edit(point, layer, fail)])(IDS)
    for module in model.modules():
        assert not module._forward_hooks and not module._forward_pre_hooks
    assert torch.equal(model(IDS), expected)


@styles
def test_an_edited_model_shares_the_weights_and_writes(modern):
    model = make_model(modern)
    vector = torch.randn(16, generator=torch.Generator().manual_seed(0))
    pushed = edited(model, [steer(1, 20 * vector)])
    theirs = list(pushed.parameters())
    assert all(a is b for a, b in zip(model.parameters(), theirs, strict=True))
    written = list(decoding.generate(pushed, [1], 20))
    assert written == list(sampling.generate(pushed, [1], 20))
    assert written != list(sampling.generate(model, [1], 20))


def test_what_cannot_be_edited_is_named():
    model = make_model()
    with pytest.raises(ValueError, match='0 to 2 for "heads", not 3'):
        edited(model, [ablate("heads", 3)])
    with pytest.raises(ValueError, match="stream, heads, attention, feed_forward"):
        edited(model, [ablate("head", 1)])
    with pytest.raises(ValueError, match="shape"):
        patching_map(model, IDS, IDS, logit_difference)


def test_patterns_mark_what_they_say():
    ids = torch.tensor([[7, 8, 7, 9, 7]])

    def marked(pattern):
        return [row.nonzero().flatten().tolist() for row in pattern(ids)[0]]

    assert marked(previous_token) == [[], [0], [1], [2], [3]]
    assert marked(same_token) == [[], [], [0], [], [0, 2]]
    assert marked(after_same_token) == [[], [], [1], [], [1, 3]]
    assert marked(token_to_come) == [[], [0], [], [0, 2], []]


def test_scores_are_means_over_the_queries_that_count():
    maps = attention_maps(make_model(), IDS)
    pattern = same_token(IDS)
    queries = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 1, 1]]).bool()
    scores = head_scores(maps, pattern, queries)
    assert scores.shape == (3, 2)
    # The only tokens that come again: the second 7 above, and the second 3 below,
    # which is left out.
    expected = torch.stack([m[0, :, 5, 4] for m in maps])
    torch.testing.assert_close(scores, expected)
    both = torch.stack([(m[0, :, 5, 4] + m[1, :, 1, 0]) / 2 for m in maps])
    torch.testing.assert_close(head_scores(maps, pattern), both)
    uniform = head_scores(uniform_attention(IDS), pattern)
    torch.testing.assert_close(uniform, torch.tensor([[(1 / 6 + 1 / 2) / 2]]))
    assert head_scores(maps, pattern & False).isnan().all()


def test_repeated_tokens_are_repeated():
    ids = repeated_tokens(11, (4, 6), torch.Generator().manual_seed(0))
    assert ids.shape == (4, 12) and torch.equal(ids[:, :6], ids[:, 6:])
    assert len(set(ids[:, :6].flatten().tolist())) > 5


def test_equals_transformer_lens():
    pytest.importorskip("transformer_lens", reason="see tests/README.md")
    from transformer_lens.model_bridge.sources._bridge_builder import (
        build_bridge_from_module,
    )

    def bridge():
        theirs = to_hugging_face(model)
        name = "GPT2LMHeadModel"
        return build_bridge_from_module(theirs, name, hf_config=theirs.config)

    def close(ours, theirs):
        torch.testing.assert_close(ours, theirs.detach(), atol=1e-4, rtol=0)

    model = make_model()
    logits, cache = bridge().run_with_cache(IDS)
    close(model(IDS).detach(), logits)
    for layer, weights in enumerate(attention_maps(model, IDS)):
        close(weights, cache["pattern", layer])
    parts = contributions(model, IDS)
    outputs, names = cache.stack_head_results(return_labels=True)
    for name, output in zip(names, outputs, strict=True):  # "L0H1"
        close(parts[f"head {name[1]}.{name[3]}"], output)
    # Logit attributions want the norms folded into the weights.
    folded = bridge()
    folded.enable_compatibility_mode(disable_warnings=True, fold_value_biases=False)
    _, cache = folded.run_with_cache(IDS)
    ours = attribution(model, IDS, direction_of(model))
    outputs, names = cache.stack_head_results(return_labels=True)
    values = cache.logit_attrs(outputs, tokens=4, incorrect_tokens=9)
    for name, value in zip(names, values, strict=True):
        close(ours[f"head {name[1]}.{name[3]}"], value)
    outputs, names = cache.decompose_resid(return_labels=True)
    values = cache.logit_attrs(outputs, tokens=4, incorrect_tokens=9)
    theirs = dict(zip(names, values, strict=True))
    close(ours["token"], theirs["embed"])
    close(ours["position"], theirs["pos_embed"])
    for i in range(3):
        mlp = ours[f"feed-forward {i}"] + ours[f"feed-forward bias {i}"]
        close(mlp, theirs[f"{i}_mlp_out"])
