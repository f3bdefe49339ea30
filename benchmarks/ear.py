"""How well the ear hears, on messages nobody here wrote, and on some kept apart that we did.

    python benchmarks/ear.py [--data ../shared/data] [--only chat,danger,…] [--misses]

Every set is split by group: rows that were looked at while building ("dev"), and rows only scored
("held"). The project's own held-out messages (benchmarks/heldout) were written by others,
who had not seen the samples the ear learns from; nothing is learnt from them.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scoring import confusion, ece, fold_of, held_out

from nlp import Ear, Guess, Intent
from nlp.textfile import macro_f1, per_label

HERE = Path(__file__).parent
NEEDS = (Intent.EMERGENCY, Intent.HELP_ASK)
Split = dict[str, list[dict[str, str]]]


@dataclass
class Bench:
    """Where rows come from, who hears them, and whether misses are shown (dev rows only)."""

    ear: Ear
    data: Path
    misses: bool
    cache: Path

    def rows(self, file: str) -> Split | None:
        """A file's rows, dev and held; None, loudly, if it is absent."""
        path = self.data / file
        if not path.exists():
            print(f"  SKIPPED: {path} is absent", flush=True)
            return None
        split: Split = {"dev": [], "held": []}
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            split["held" if held_out(row["group"]) else "dev"].append(row)
        return split

    def hear(self, texts: list[str]) -> list[Guess]:
        return [self.ear.hear(text) for text in texts]

    def share(
        self, name: str, texts: list[str], wanted: Callable[[Guess], bool], bar: str, show: bool
    ) -> None:
        """Prints how many of some texts are heard as wanted."""
        heard = self.hear(texts)
        hits = [wanted(guess) for guess in heard]
        print(f"  {name:<44}{sum(hits) / len(hits):>8.2%}  of {len(hits):<6} bar {bar}")
        if self.misses and show:
            common = sum(hits) * 2 > len(hits)
            for text, guess, hit in zip(texts, heard, hits, strict=True):
                if hit is not common:
                    print(f"      {guess.intent} {guess.score} {text[:70]!r} {guess.why}")


def own(file: str) -> Iterator[dict[str, str]]:
    lines = (HERE / "heldout" / file).read_text(encoding="utf-8").split("\n")
    names = lines[0].split("\t")
    for line in lines[1:]:
        if line:
            row = dict(zip(names, line.split("\t"), strict=True))
            row["text"] = row["text"].replace("\\n", "\n")
            yield row


def chat(bench: Bench) -> None:
    """Nine intents, danger and its hard negatives, calibration."""
    for file in ("chat.tsv", "chat_final.tsv"):
        if not (HERE / "heldout" / file).exists():
            continue
        rows = list(own(file))
        heard = bench.hear([row["text"] for row in rows])
        truth, said = [row["intent"] for row in rows], [str(guess.intent) for guess in heard]
        right = [t == s for t, s in zip(truth, said, strict=True)]
        kept = "dev" if file == "chat.tsv" else "held"
        print(f"  {kept}: {len(rows)} messages")
        print(f"    macro-F1, 9 intents          {macro_f1(truth, said):.3f}  bar .80, aim .90")
        print(
            f"    ECE, 10 bins                 {ece([g.score for g in heard], right):.3f}"
            "  bar .08, aim .03"
        )
        marked = [set(row["marks"].split(",")) for row in rows]
        for name, chosen, bar in (
            ("emergencies heard", [t == "emergency" for t in truth], ".90, aim .99"),
            ("… those without a keyword", ["nokey" in m for m in marked], "-"),
            ("hard negatives alarmed", ["neg" in m for m in marked], ".06, aim .02"),
        ):
            hits = [s == "emergency" for s, c in zip(said, chosen, strict=True) if c]
            print(f"    {name:<28} {sum(hits) / len(hits):.3f}  of {len(hits)}  bar {bar}")
        for label, (precision, recall, f1) in per_label(truth, said).items():
            print(f"      {label:<11} precision {precision:.2f}  recall {recall:.2f}  F1 {f1:.2f}")
        print(confusion(truth, said, [str(i) for i in Intent]))
        about = [
            (r["about"], g.category if g.intent is Intent.APPEAL else g.danger)
            for r, g in zip(rows, heard, strict=True)
            if r["intent"] == g.intent and r["about"]
        ]
        print(f"    category or danger kind right {sum(a == b for a, b in about) / len(about):.3f}")
        if bench.misses and kept == "dev":
            for row, guess in zip(rows, heard, strict=True):
                if row["intent"] != guess.intent:
                    print(
                        f"      {row['intent']}→{guess.intent} {guess.score} {row['text'][:70]!r}"
                    )


def pleas(bench: Bench) -> None:
    """Pleas of other disasters, whole and first sentence; the flood's needs and offers."""
    texts = [row["text"] for row in own("pleas.tsv")]
    bench.share("own pleas, whole", texts, lambda g: g.intent in NEEDS, ".70, aim .90", True)
    first = [re.split(r"(?<=[。！？!?\n])", text.strip(), maxsplit=1)[0] for text in texts]
    bench.share(
        "own pleas, first sentence", first, lambda g: g.intent in NEEDS, ".45, aim .75", True
    )
    if split := bench.rows("flood_help.jsonl"):
        for part, rows in split.items():
            by = {r["label"]: [x["text"] for x in rows if x["label"] == r["label"]] for r in rows}
            dev = part == "dev"
            bench.share(
                f"flood needs, {part}",
                by["need_help"],
                lambda g: g.intent in NEEDS,
                ".90, aim .97",
                dev,
            )
            bench.share(
                f"flood offers, {part}",
                by["offer_help"],
                lambda g: g.intent is Intent.HELP_OFFER,
                ".55, aim .80",
                dev,
            )
            rest = by["invalid_chatter"] + by["other"]
            bench.share(f"flood, the rest alarmed, {part}", rest, alarmed, "-", False)


def alarmed(guess: Guess) -> bool:
    return guess.intent is Intent.EMERGENCY


def ordinary(bench: Bench) -> None:
    """Messages and posts that must not alarm."""
    for file, bar in (
        ("personal_sms.jsonl", "0.3 %, aim 0.1 %"),
        ("official_microblog.jsonl", "3 %, aim 1 %"),
        ("microblog.jsonl", "-"),
    ):
        if split := bench.rows(file):
            for part, rows in split.items():
                texts = [row["text"] for row in rows]
                bench.share(f"{file[:-6]}, alarmed, {part}", texts, alarmed, bar, part == "dev")
                if file.startswith("personal"):
                    bench.share(
                        f"{file[:-6]}, filed as appeal, {part}",
                        texts,
                        lambda g: g.intent is Intent.APPEAL,
                        "2 %, aim 1 %",
                        part == "dev",
                    )
    if split := bench.rows("complaints.jsonl"):
        for part, rows in split.items():
            for field in ("title", "text"):
                texts = [row[field] for row in rows]
                name = f"complaints, {field} heard as appeal, {part}"
                bench.share(name, texts, lambda g: g.intent is Intent.APPEAL, "-", False)


def places(bench: Bench) -> None:
    """Building, unit and room, all three as they are."""
    rows = list(own("places.tsv"))
    found = [guess.place.as_dict() for guess in bench.hear([row["text"] for row in rows])]
    names = ("building", "unit", "room")
    exact = [
        all(row[name] == place.get(name, "") for name in names)
        for row, place in zip(rows, found, strict=True)
    ]
    for part in ("dev", "held"):
        chosen = [
            right
            for row, right in zip(rows, exact, strict=True)
            if held_out(row["text"]) is (part == "held")
        ]
        share = sum(chosen) / len(chosen)
        print(f"  own messages, {part:<17} {share:.3f} of {len(chosen)}  bar .95, aim .99")
    if bench.misses:
        for row, place, right in zip(rows, found, exact, strict=True):
            if not right and not held_out(row["text"]):
                print(f"      {[row[name] for name in names]} {place} {row['text']!r}")
    if split := bench.rows("addresses.jsonl"):
        from addresses import score

        for part, addresses in split.items():
            score(bench.ear, part, addresses, bench.misses and part == "dev")


def complaints(bench: Bench) -> None:
    """`huiyin train` on the complaints, five folds by group."""
    labelled, segmented = bench.rows("complaints.jsonl"), bench.rows("complaints_segmented.jsonl")
    if labelled is None or segmented is None:
        return
    from nlp.textfile import read_rows, train_classifier

    rows = {
        field: read_rows([bench.data / "complaints.jsonl"], "label", [field])
        for field in ("title", "text")
    }
    more = read_rows([bench.data / "complaints_segmented.jsonl"], "label", ["text"])
    truth: dict[str, list[str]] = {"title": [], "text": []}
    heard: dict[str, list[str]] = {"title": [], "text": []}
    for fold in range(5):
        seen = [row for row in (*rows["title"], *rows["text"], *more) if fold_of(row.group) != fold]
        classifier = train_classifier(seen)
        for field, all_rows in rows.items():
            for row in all_rows:
                if fold_of(row.group) == fold:
                    truth[field].append(row.label)
                    heard[field].append(classifier.label(row.text)[0])
    for field, bar in (("title", ".875, aim .91"), ("text", ".90, aim .93")):
        print(
            f"  7 classes, {field:<6} macro-F1 {macro_f1(truth[field], heard[field]):.4f}"
            f"  bar {bar}"
        )
        for label, (p, r, f1) in per_label(truth[field], heard[field]).items():
            print(f"      {label:<8} precision {p:.2f}  recall {r:.2f}  F1 {f1:.2f}")


def speed(bench: Bench) -> None:
    """One message, 600 characters, and what loading costs; beside jieba, in the same run."""
    split = bench.rows("personal_sms.jsonl")
    texts = (
        [row["text"] for row in split["held"][:3000]]
        if split
        else [r["text"] for r in own("chat.tsv")]
    )
    whole = "".join(row["text"] for row in own("pleas.tsv"))
    letters = [whole[at : at + 600] for at in range(0, len(whole) - 600, 60)]
    for name, sample, bar in (
        ("one short message", texts, "p50 0.5 ms, p99 2 ms"),
        ("600 characters", letters, "p99 8 ms"),
    ):
        print(f"  {name:<18} {spans(bench.ear.hear, sample)}  bar {bar}")
    import jieba

    jieba.initialize()
    print(f"  jieba.lcut alone   {spans(jieba.lcut, texts)}")
    for name, code in (
        ("jieba alone", "import jieba; jieba.initialize()"),
        (
            "the whole ear",
            "from nlp import Ear; from pathlib import Path; Ear(Path(CACHE)).hear('')",
        ),
    ):
        print(f"  load, {name:<14} {loading(code)}  bar 1.5 s, 150 MB")


def spans(work: Callable[[str], object], texts: list[str]) -> str:
    """p50 and p99 of the processor's time for one call, in ms: other work does not count."""
    times = []
    for text in texts:
        begun = time.process_time()
        work(text)
        times.append((time.process_time() - begun) * 1000)
    times.sort()
    return f"p50 {times[len(times) // 2]:.2f}  p99 {times[int(len(times) * 0.99)]:.2f} ms"


def loading(code: str) -> str:
    """Seconds and memory of some code in a process of its own, the second time it runs."""
    with tempfile.TemporaryDirectory() as cache:
        script = (
            f"import time, logging; CACHE = {cache!r}; logging.disable()\n"
            "kb = lambda: int(open('/proc/self/statm').read().split()[1]) * 4\n"
            f"before, begun = kb(), time.perf_counter()\n{code}\n"
            "print(f'{time.perf_counter() - begun:.2f} s  {(kb() - before) / 1024:.0f} MB')"
        )
        command = [sys.executable, "-c", script]
        subprocess.run(command, cwd=HERE.parent, capture_output=True, check=True)
        done = subprocess.run(command, cwd=HERE.parent, capture_output=True, check=True, text=True)
        return done.stdout.strip()


def second(bench: Bench) -> None:
    """What the second ear (e5) adds and costs; nothing without `huiyin[semantic]`."""
    try:
        from nlp.semantic import Semantic

        other = Semantic()
    except RuntimeError as error:
        print(f"  SKIPPED: {error}")
        return
    asked = Counter[str]()

    class Counted:
        name = other.name

        def chances(self, text: str) -> dict[Intent, float] | None:
            asked["times"] += 1
            return other.chances(text)

    both = Ear(bench.cache, second=Counted())
    for file in ("chat.tsv", "chat_final.tsv"):
        rows = list(own(file))
        truth = [row["intent"] for row in rows]
        for name, ear in (("alone", bench.ear), ("with e5", both)):
            asked.clear()
            heard = [str(ear.hear(row["text"]).intent) for row in rows]
            found = sum(h == t == "emergency" for h, t in zip(heard, truth, strict=True))
            print(
                f"  {file:<15} {name:<8} macro-F1 {macro_f1(truth, heard):.3f}  emergencies "
                f"{found / truth.count('emergency'):.3f}  asked {asked['times'] / len(rows):.0%}"
            )
    texts = [row["text"] for row in own("pleas.tsv")]
    first = [re.split(r"(?<=[。！？!?\n])", text.strip(), maxsplit=1)[0] for text in texts]
    for name, ear in (("alone", bench.ear), ("with e5", both)):
        hits = sum(ear.hear(text).intent in NEEDS for text in first)
        print(f"  first sentences of pleas, {name:<8} {hits / len(first):.3f}")
    print(f"  one opinion        {spans(other.chances, first)}")
    cost = loading("from nlp.semantic import Semantic; Semantic().chances('')")
    print(f"  load, e5           {cost}")


SECTIONS = {
    "chat": chat,
    "pleas": pleas,
    "ordinary": ordinary,
    "places": places,
    "speed": speed,
    "second": second,
    "complaints": complaints,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data")
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--misses", action="store_true", help="show what was misheard (dev rows)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        bench = Bench(Ear(Path(cache)), options.data, options.misses, Path(cache))
        if bench.ear.fault:
            print(f"rules alone: {bench.ear.fault}", file=sys.stderr)
        for name in options.only.split(","):
            print(f"{name}: {SECTIONS[name].__doc__}")
            SECTIONS[name](bench)


if __name__ == "__main__":
    main()
