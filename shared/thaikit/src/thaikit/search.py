"""Thai full-text search inside PostgreSQL: BM25 over words and over trigrams of skeletons, in one statement.

Words rank well what is spelt well; trigrams find it when letters are wrong, tone marks are missing, or the dictionary
does not know the word. How much the words of a query count depends on how many of them the index knows: of a misspelt
query they are mostly splinters, and what those find they find by chance.

A document's part of the weight is stored with each posting, in how many documents a term stands is counted as they
come, so a document is found in the transaction that indexes it and nothing needs to be recomputed for it to rank
rightly. Only the average length was that of its day: `index_all_again` now and then, and whenever this module or the
dictionary changes.

An index is four tables of the service's own; two lists (articles, and past questions that they answered) are two
indexes, whose scores are not comparable.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib import resources
from math import fsum, log
from typing import Any, Final, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session, sessionmaker

from thaikit.text import normalise, segment, trigrams, words

# Picked from a grid by three sets of questions (`make bench-search`): more on words ranks clean questions better, more
# on trigrams misspelt ones.
WORD_WEIGHT: Final = 0.29
TRIGRAM_WEIGHT: Final = 0.35
RARITY_POWER: Final = 1.5  # a rare word tells more than its idf says; a rare trigram does not
WORD_SATURATION: Final = 1.0  # k1: how much a repeated term adds
TRIGRAM_SATURATION: Final = 0.4  # one that comes again is most often in another word
LENGTH_PENALTY: Final = 0.75  # b: how much a long document must repeat it
# A text names at its beginning what it is about: so many of its words and trigrams count so many times what they do
# further on.
LEADING_WORDS: Final = 2
LEADING_TRIGRAMS: Final = 10
LEADING_WEIGHT: Final = 1.2

# What bounds the work of a query, however long it is and however large the index: only its weightiest terms count; of
# these the rarest are looked up until they stand in so many documents together; and the best of the documents found are
# then scored by the rest.
TERMS_TO_WEIGH: Final = 128
POSTINGS_TO_READ: Final = 10_000
CANDIDATES: Final = 50

_INDEXED_AGAIN_AT_ONCE: Final = 100


@cache
def _question_words() -> frozenset[str]:
    lines = resources.files(__package__).joinpath("question_words.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


@dataclass(frozen=True, slots=True)
class Field:
    """One text of a document; a word in it counts `weight` times."""

    text: str
    weight: float = 1.0


FieldsOf: TypeAlias = Callable[[Session, Sequence[UUID]], Mapping[UUID, Sequence[Field]]]
"""Tells what is to be indexed of documents now; one of which it tells nothing is removed."""


@dataclass(frozen=True)
class SearchIndex:
    """The tables of one index: its documents, terms, postings, and the totals that every change locks first."""

    documents: sa.Table
    terms: sa.Table
    postings: sa.Table
    totals: sa.Table


def search_index(metadata: sa.MetaData, prefix: str) -> SearchIndex:
    """Define the tables of the index `prefix` (articles: articles_search_documents, …) in a service's metadata."""
    name = f"{prefix}_search"
    return SearchIndex(
        documents=sa.Table(
            f"{name}_documents",
            metadata,
            sa.Column("number", sa.Integer, sa.Identity(always=True), primary_key=True),
            sa.Column("id", sa.Uuid, nullable=False, unique=True),
            sa.Column("terms", ARRAY(sa.BigInteger), nullable=False),
            sa.Column("word_count", sa.REAL, nullable=False),
            sa.Column("trigram_count", sa.REAL, nullable=False),
        ),
        terms=sa.Table(
            f"{name}_terms",
            metadata,
            sa.Column("term", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("documents", sa.Integer, nullable=False),
        ),
        postings=sa.Table(
            f"{name}_postings",
            metadata,
            sa.Column("term", sa.BigInteger, nullable=False),
            sa.Column("document", sa.Integer, nullable=False),
            sa.Column("weight", sa.REAL, nullable=False),
            sa.PrimaryKeyConstraint("term", "document", postgresql_include=["weight"]),
        ),
        totals=sa.Table(
            f"{name}_totals",
            metadata,
            sa.Column(
                "single", sa.Boolean, sa.CheckConstraint("single", name=f"{name}_totals_single"), primary_key=True
            ),
            sa.Column("documents", sa.Integer, nullable=False),
            sa.Column("word_count", sa.Double, nullable=False),
            sa.Column("trigram_count", sa.Double, nullable=False),
        ),
    )


_CREATION_1: Final = """
CREATE TABLE {index}_documents (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    terms bigint[] NOT NULL,
    word_count real NOT NULL,
    trigram_count real NOT NULL
);
CREATE TABLE {index}_terms (
    term bigint PRIMARY KEY,
    documents integer NOT NULL
) WITH (fillfactor = 80);
CREATE TABLE {index}_postings (
    term bigint NOT NULL,
    document integer NOT NULL,
    weight real NOT NULL,
    PRIMARY KEY (term, document) INCLUDE (weight)
);
CREATE TABLE {index}_totals (
    single boolean CONSTRAINT {index}_totals_single CHECK (single) PRIMARY KEY,
    documents integer NOT NULL,
    word_count double precision NOT NULL,
    trigram_count double precision NOT NULL
);
INSERT INTO {index}_totals VALUES (true, 0, 0, 0)
"""
_REMOVAL_1: Final = """
DROP TABLE {index}_totals;
DROP TABLE {index}_postings;
DROP TABLE {index}_terms;
DROP TABLE {index}_documents
"""


def creation_1(prefix: str) -> list[str]:
    """The statements by which a migration creates an index; as migrations are, never to be changed."""
    return _CREATION_1.format(index=f"{prefix}_search").strip().split(";\n")


def removal_1(prefix: str) -> list[str]:
    """The statements by which a migration drops an index that `creation_1` made."""
    return _REMOVAL_1.format(index=f"{prefix}_search").strip().split(";\n")


def _term(kind: str, text: str) -> int:
    """A term's number: 8 bytes hold any word, and two words with one number are not to be met in practice."""
    return int.from_bytes(blake2b(f"{kind}{text}".encode(), digest_size=8).digest(), signed=True)


_WORD: Final = "w"
_TRIGRAM: Final = "t"


class SearchQuery:
    """What a person searches for, made ready for `search_statement`.

    `parameters` are the values of its parameters `terms`, `boosts` and `words`.
    """

    def __init__(self, text: str) -> None:
        # Words of asking are rare in what is searched, so they would weigh most.
        telling = "".join(" " if piece in _question_words() else piece for piece in segment(normalise(text)))
        self.text = telling if any(map(str.isalnum, telling)) else text
        word_counts, trigram_counts = Counter(words(self.text)), Counter(trigrams(self.text))
        self._words = {_term(_WORD, word): word for word in word_counts}
        # In a long query, such as a whole complaint, what is said ten times is not ten times as important.
        boosts = {_term(_WORD, word): WORD_WEIGHT * (1 + log(count)) for word, count in word_counts.items()}
        boosts |= {_term(_TRIGRAM, gram): TRIGRAM_WEIGHT * (1 + log(count)) for gram, count in trigram_counts.items()}
        self.parameters: Mapping[str, list[int] | list[float]] = {
            "terms": list(boosts),
            "boosts": list(boosts.values()),
            "words": list(self._words),
        }

    def matched(self, terms: Iterable[int]) -> list[str]:
        """The words of the query among the `terms` of a row that was found."""
        found = frozenset(terms)
        return [word for term, word in self._words.items() if term in found]


def search_statement(
    index: SearchIndex, eligible: sa.Select[tuple[UUID]] | None = None
) -> sa.Select[tuple[UUID, float, list[int]]]:
    """The statement that ranks the documents of an index: rows of `id`, `score`, `terms`, best first.

    Parameters: those of a `SearchQuery`, and `limit` (at most `CANDIDATES`). The terms of a row are those of the
    query's words that stand in the document. With `eligible`, a select of ids, only those are found.
    """
    documents, postings = index.documents, index.postings
    rated = _rated(index)
    found = (
        sa.select(postings.c.document, sa.func.sum(rated.c.weight * postings.c.weight).label("score"))
        .select_from(rated.join(postings, postings.c.term == rated.c.term))
        .where(rated.c.is_read)
        .group_by(postings.c.document)
    )
    ranked: sa.Select[Any] = found.order_by(sa.desc("score"), postings.c.document)
    if eligible is not None:
        ranked = _eligible_of(ranked.subquery("ranked"), documents, eligible)
    candidates = _materialised(ranked.limit(CANDIDATES), "candidates")
    # The candidates as one array: in the postings of a term, which are in the order of documents, all are then found in
    # one pass and not each by a search of its own.
    theirs = sa.func.array(sa.select(candidates.c.document).order_by(candidates.c.document).scalar_subquery())
    rest = (
        sa.select(postings.c.document, sa.func.sum(rated.c.weight * postings.c.weight).label("score"))
        .select_from(rated.join(postings, postings.c.term == rated.c.term))
        .where(~rated.c.is_read, postings.c.document == sa.any_(theirs))
        .group_by(postings.c.document)
        .subquery("rest")
    )
    score = (candidates.c.score + sa.func.coalesce(rest.c.score, 0)).label("score")
    best = _materialised(
        sa.select(candidates.c.document, score)
        .select_from(candidates.outerjoin(rest, rest.c.document == candidates.c.document))
        .order_by(score.desc(), candidates.c.document)
        .limit(sa.bindparam("limit", type_=sa.Integer)),
        "best",
    )
    matched = sa.select(postings.c.term).where(
        postings.c.term == sa.any_(sa.bindparam("words", type_=ARRAY(sa.BigInteger))),
        postings.c.document == best.c.document,
    )
    return (
        sa.select(documents.c.id, best.c.score, sa.func.array(matched.scalar_subquery()).label("terms"))
        .select_from(best.join(documents, documents.c.number == best.c.document))
        .order_by(best.c.score.desc(), best.c.document)
    )


def _eligible_of(ranked: sa.Subquery, documents: sa.Table, eligible: sa.Select[tuple[UUID]]) -> sa.Select[Any]:
    """The eligible among the documents found, in their order."""
    # Each is asked about when its turn comes, until there are enough. The value of a subquery is never turned into a
    # join, for which PostgreSQL would look up all that is eligible, found or not.
    is_eligible = (
        sa.select(sa.true())
        .where(documents.c.number == ranked.c.document, documents.c.id.in_(eligible))
        .limit(1)
        .scalar_subquery()
    )
    return sa.select(ranked).where(is_eligible).order_by(ranked.c.score.desc(), ranked.c.document)


def _rated(index: SearchIndex) -> sa.CTE:
    """The weightiest of the terms asked for, each with its weight, and whether all its postings are read."""
    asked = _asked(index).subquery("asked")
    # Of all that the words say, the share that the index knows.
    of_words = sa.func.sum(asked.c.weight).filter(asked.c.is_word)
    known = of_words.filter(asked.c.documents > 0).over() / of_words.over()
    weighed = sa.select(
        asked.c.term,
        asked.c.documents,
        sa.case((asked.c.is_word, asked.c.weight * known), else_=asked.c.weight).label("weight"),
    ).subquery("weighed")
    chosen = (
        sa.select(weighed)
        .where(weighed.c.documents > 0)
        .order_by(weighed.c.weight.desc(), weighed.c.term)
        .limit(TERMS_TO_WEIGH)
        .subquery("chosen")
    )
    read = sa.func.sum(chosen.c.documents).over(order_by=(chosen.c.documents, chosen.c.term))
    is_read = sa.or_(read <= POSTINGS_TO_READ, read == chosen.c.documents)  # the rarest in any case
    return _materialised(sa.select(chosen.c.term, chosen.c.weight, is_read.label("is_read")), "rated")


def _asked(index: SearchIndex) -> sa.Select[Any]:
    """The terms asked for, in how many documents each stands, and what the rarer of them tell more."""
    asked = (
        sa.func.unnest(
            sa.bindparam("terms", type_=ARRAY(sa.BigInteger)), sa.bindparam("boosts", type_=ARRAY(sa.Double))
        )
        .table_valued(sa.column("term", sa.BigInteger), sa.column("boost", sa.Double))
        .render_derived(name="asked")
    )
    seen_in = sa.func.coalesce(index.terms.c.documents, 0)
    rarity = sa.func.ln(1 + (index.totals.c.documents - seen_in + 0.5) / (seen_in + 0.5))
    is_word = asked.c.term == sa.any_(sa.bindparam("words", type_=ARRAY(sa.BigInteger)))
    telling = sa.case((is_word, sa.func.power(rarity, RARITY_POWER)), else_=rarity)
    return sa.select(
        asked.c.term, is_word.label("is_word"), seen_in.label("documents"), (asked.c.boost * telling).label("weight")
    ).select_from(asked.join(index.totals, sa.true()).outerjoin(index.terms, index.terms.c.term == asked.c.term))


def _materialised(select: sa.Select[Any], name: str) -> sa.CTE:
    """A step of the search that PostgreSQL is to take once and as written: it cannot guess how rare a term is."""
    return select.cte(name).prefix_with("MATERIALIZED")


@dataclass(frozen=True, slots=True)
class _Cut:
    """A document cut into terms: how often each stands in it, by kind, and which of them begin it."""

    id: UUID
    words: Mapping[int, float]
    trigrams: Mapping[int, float]
    leading: frozenset[int]

    @property
    def word_count(self) -> float:
        return fsum(self.words.values())

    @property
    def trigram_count(self) -> float:
        return fsum(self.trigrams.values())


def _cut(document_id: UUID, fields: Iterable[Field]) -> _Cut:
    counts: dict[str, defaultdict[int, float]] = {_WORD: defaultdict(float), _TRIGRAM: defaultdict(float)}
    leading: set[int] = set()
    for field in fields:
        begun = bool(counts[_TRIGRAM])
        for kind, cut, lead in ((_WORD, words, LEADING_WORDS), (_TRIGRAM, trigrams, LEADING_TRIGRAMS)):
            terms = cut(field.text)
            if not begun:
                leading.update(_term(kind, term) for term in terms[:lead])
            for term, count in Counter(terms).items():
                counts[kind][_term(kind, term)] += field.weight * count
    return _Cut(document_id, counts[_WORD], counts[_TRIGRAM], frozenset(leading))


def index_document(session: Session, index: SearchIndex, document_id: UUID, *fields: Field) -> None:
    """Make a document findable by its fields, in the caller's transaction, in place of what was indexed for it.

    Changes of one index wait for each other until their transactions end: index last, commit soon.
    """
    index_documents(session, index, {document_id: fields})


def index_documents(session: Session, index: SearchIndex, documents: Mapping[UUID, Iterable[Field]]) -> None:
    """Make many documents findable, a hundred or so at a time, as `index_document` does one."""
    remove_documents(session, index, documents)
    cuts = [_cut(document_id, fields) for document_id, fields in documents.items()]
    totals = session.execute(
        sa.update(index.totals)
        .values(
            documents=index.totals.c.documents + len(cuts),
            word_count=index.totals.c.word_count + fsum(cut.word_count for cut in cuts),
            trigram_count=index.totals.c.trigram_count + fsum(cut.trigram_count for cut in cuts),
        )
        .returning(index.totals)
    ).one()
    numbers = {
        row.id: row.number
        for row in session.execute(
            sa.insert(index.documents).returning(index.documents.c.id, index.documents.c.number),
            [
                {
                    "id": cut.id,
                    "terms": [*cut.words, *cut.trigrams],
                    "word_count": cut.word_count,
                    "trigram_count": cut.trigram_count,
                }
                for cut in cuts
            ],
        )
    }
    postings = [
        (term, numbers[cut.id], weight)
        for cut in cuts
        for counts, count, total, saturation in (
            (cut.words, cut.word_count, totals.word_count, WORD_SATURATION),
            (cut.trigrams, cut.trigram_count, totals.trigram_count, TRIGRAM_SATURATION),
        )
        for term, weight in _weights(counts, cut.leading, count, total / totals.documents, saturation)
    ]
    if postings:
        _insert_postings(session, index, postings)


def index_all_again(
    sessions: sessionmaker[Session], index: SearchIndex, fields_of: FieldsOf, *, after: UUID | None = None
) -> Iterator[tuple[int, UUID]]:
    """Index again every document that an index holds, by the order of their ids, while others use and change it.

    Tells after each batch, which is a transaction of its own, how many were indexed so far and the last one's id:
    a run that was stopped goes on `after` that one. Weights that were stored by another version rank beside the new
    ones until the end: everything is found meanwhile, if not always in the best order.
    """
    done = 0
    while True:
        with sessions.begin() as session:
            # First, so that nobody else indexes what is read here before it is indexed.
            _lock(session, index)
            next_ids = sa.select(index.documents.c.id).order_by(index.documents.c.id).limit(_INDEXED_AGAIN_AT_ONCE)
            ids = session.scalars(next_ids if after is None else next_ids.where(index.documents.c.id > after)).all()
            if not ids:
                return
            remove_documents(session, index, ids)
            index_documents(session, index, fields_of(session, ids))
        after = ids[-1]
        done += len(ids)
        yield done, after


def _weights(
    counts: Mapping[int, float], leading: frozenset[int], length: float, average_length: float, saturation: float
) -> Iterable[tuple[int, float]]:
    """The part of BM25 that a document decides: how much each of its terms says about it."""
    norm = saturation * (1 - LENGTH_PENALTY + LENGTH_PENALTY * length / (average_length or 1.0))
    for term, count in counts.items():
        weight = count * (saturation + 1) / (count + norm)
        yield term, weight * LEADING_WEIGHT if term in leading else weight


def _insert_postings(session: Session, index: SearchIndex, postings: Sequence[tuple[int, int, float]]) -> None:
    terms, documents, weights = zip(*postings, strict=True)
    rows = (
        sa.func.unnest(_array(terms, sa.BigInteger()), _array(documents, sa.Integer()), _array(weights, sa.REAL()))
        .table_valued("term", "document", "weight")
        .render_derived()
    )
    session.execute(sa.insert(index.postings).from_select(["term", "document", "weight"], sa.select(rows)))
    seen = Counter(terms)
    counted = (
        sa.func.unnest(_array(seen, sa.BigInteger()), _array(seen.values(), sa.Integer()))
        .table_valued("term", "documents")
        .render_derived()
    )
    adding = insert(index.terms).from_select(["term", "documents"], sa.select(counted))
    session.execute(
        adding.on_conflict_do_update(
            index_elements=[index.terms.c.term],
            set_={"documents": index.terms.c.documents + adding.excluded.documents},
        )
    )


def _array(values: Iterable[float], kind: sa.types.TypeEngine[Any]) -> sa.ColumnElement[Any]:
    """Numbers as one literal of an array: of hundreds of thousands, adapting each alone would take the most time."""
    return sa.cast(sa.literal(f"{{{','.join(map(str, values))}}}", sa.Text), ARRAY(kind))


def remove_documents(session: Session, index: SearchIndex, document_ids: Iterable[UUID]) -> None:
    """Make documents unfindable, in the caller's transaction; those that are not indexed are passed over."""
    _lock(session, index)
    gone = session.execute(
        sa.delete(index.documents)
        .where(index.documents.c.id == sa.any_(sa.literal(list(document_ids), ARRAY(sa.Uuid))))
        .returning(index.documents)
    ).all()
    if not gone:
        return
    seen = Counter(term for row in gone for term in row.terms)
    fewer = (
        sa.func.unnest(sa.literal(list(seen), ARRAY(sa.BigInteger)), sa.literal(list(seen.values()), ARRAY(sa.Integer)))
        .table_valued("term", "documents")
        .render_derived()
    )
    session.execute(
        sa.delete(index.postings).where(
            index.postings.c.term == sa.any_(_array(seen, sa.BigInteger())),
            index.postings.c.document == sa.any_(_array((row.number for row in gone), sa.Integer())),
        )
    )
    session.execute(
        sa.update(index.terms)
        .where(index.terms.c.term == fewer.c.term)
        .values(documents=index.terms.c.documents - fewer.c.documents)
    )
    session.execute(
        sa.update(index.totals).values(
            documents=index.totals.c.documents - len(gone),
            word_count=index.totals.c.word_count - fsum(row.word_count for row in gone),
            trigram_count=index.totals.c.trigram_count - fsum(row.trigram_count for row in gone),
        )
    )


def _lock(session: Session, index: SearchIndex) -> None:
    """Whoever changes an index locks its totals first, so no two changes can wait for each other's terms."""
    session.execute(sa.select(index.totals.c.single).with_for_update())
