"""`huiyin train` and `huiyin evaluate`: what they were asked for, and what they answer."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from bot.settings import load
from nlp import Intent, sampling
from nlp.model import Model, ModelError
from nlp.reader import Reader
from nlp.sampling import BadSample
from nlp.textfile import BadFile, evaluate, open_classifier, read_rows, train_classifier


class CannotLearn(Exception):
    """What was asked cannot be done; the message is for whoever asked."""


def train(options: argparse.Namespace, cache: Path) -> None:
    """Trains the ear (`--ear`) or a classifier of any labelled JSONL, and writes the model file."""
    from nlp.training import TooFew

    try:
        if options.ear:
            model = train_ear(options.samples, cache, _kept(options))
        else:
            model = _classifier(options, cache)
    except (BadFile, BadSample, TooFew) as error:
        raise CannotLearn(str(error)) from error
    try:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        model.save(options.out)
    except OSError as error:
        raise CannotLearn(f"{options.out}: {error.strerror}") from error
    _say(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")


def train_ear(more: Iterable[Path], cache: Path, kept: Iterable[sampling.Sample] = ()) -> Model:
    """The ear's model from the project's samples, and a community's own where there are any."""
    from nlp import training

    shipped, own = sampling.shipped(), list(more)
    for path in own:
        if not path.is_file():
            raise BadSample(f"{path}: no such file")
    samples = [*sampling.read([*shipped, *own]), *kept]
    about = {"samples": sampling.digest(shipped)}
    return training.train_ear(samples, Reader(cache), about, _say)


def _kept(options: argparse.Namespace) -> list[sampling.Sample]:
    """What a community's people told and corrected; of two with one text the later knew better."""
    if not options.community:
        return []
    from bot.opening import open_database
    from storage import Store
    from storage.store.loading import communities

    database = open_database(load(options.config, os.environ))
    try:
        with database.read() as session:
            found = [c for c in communities(session) if c.slug == options.community]
            if not found:
                raise CannotLearn(f"没有叫 {options.community!r} 的社区（按 slug 找）")
            rows = Store(session, found[0].id).samples.all()
            kept = {r.text: sampling.Sample(r.text, Intent(r.intent), r.about) for r in rows}
    finally:
        database.close()
    _say(f"{len(kept)} samples of {options.community}")
    return list(kept.values())


def _classifier(options: argparse.Namespace, cache: Path) -> Model:
    if not options.data or not options.label:
        raise CannotLearn("训练要有 --data 文件 和 --label 字段；训练回音自己的耳朵用 --ear")
    rows = read_rows(options.data, options.label, options.text)
    if not rows:
        raise CannotLearn(
            f"没有一行带 {options.label!r} 和文字（字段：title、text，或用 --text 指定）"
        )
    _say(f"{len(rows)} texts")
    return train_classifier(rows, cache).model


def score(options: argparse.Namespace, cache: Path) -> None:
    """Prints one JSON object: how often a model is right on labelled rows."""
    try:
        rows = read_rows(options.data, options.label, options.text)
        classifier = open_classifier(options.model, cache)
    except (BadFile, ModelError) as error:
        raise CannotLearn(str(error)) from error
    if not rows:
        raise CannotLearn(f"没有一行带 {options.label!r} 和文字")
    print(json.dumps(evaluate(classifier, rows), ensure_ascii=False))


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
