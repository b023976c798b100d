"""Complaints, complainants, answers, referrals, the knowledge base and history.

Tracking numbers come from a sequence a Buddhist year, so two counters cannot give one number twice; a number whose
transaction failed is left out. The sequences reach to B.E. 2599: a later revision adds more long before.
History is append-only: a trigger refuses every change of it. Trigrams of `search_text` find candidates for `q=`.
"""

from alembic import op

from thaikit.search import creation_1, removal_1

revision = "0002"
down_revision = "0001"

NUMBERED_YEARS = range(2569, 2600)

_CREATE = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    """
    CREATE TABLE complaints (
        id uuid PRIMARY KEY,
        version integer NOT NULL,
        tracking_number text NOT NULL UNIQUE,
        tracking_secret_digest bytea NOT NULL,
        state text NOT NULL,
        channel text NOT NULL,
        kind text NOT NULL,
        subject text NOT NULL,
        details text NOT NULL,
        search_text text NOT NULL,
        confidential boolean NOT NULL,
        province text,
        district text,
        subdistrict text,
        community text,
        evidence jsonb NOT NULL,
        received_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL,
        client_id text,
        due_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        verified_at timestamptz,
        verified_by text,
        refusal_ground text,
        verification_note text,
        answered_at timestamptz,
        answer_origin text,
        work_group text,
        closed_at timestamptz,
        CONSTRAINT version_counts CHECK (version >= 1),
        CONSTRAINT digest_is_sha256 CHECK (octet_length(tracking_secret_digest) = 32),
        CONSTRAINT state_known CHECK (
            state IN ('received', 'verified', 'refused', 'referred', 'answered', 'closed', 'withdrawn')
        ),
        CONSTRAINT channel_known CHECK (channel IN ('letter', 'hotline', 'walk_in', 'website')),
        CONSTRAINT kind_known CHECK (kind IN ('complaint', 'inquiry', 'suggestion', 'request')),
        CONSTRAINT ground_known CHECK (
            refusal_ground IN (
                'anonymous_uncheckable', 'before_the_courts', 'decided_with_finality', 'royal_institution',
                'purely_abusive', 'another_body_by_law'
            )
        ),
        CONSTRAINT origin_known CHECK (answer_origin IN ('centre', 'referral')),
        CONSTRAINT refused_on_a_ground CHECK ((state = 'refused') = (refusal_ground IS NOT NULL)),
        CONSTRAINT verified_by_somebody CHECK ((verified_at IS NULL) = (verified_by IS NULL)),
        CONSTRAINT worked_on_after_verification CHECK (
            state IN ('received', 'withdrawn') OR verified_at IS NOT NULL
        ),
        CONSTRAINT answered_has_its_moment CHECK (
            state NOT IN ('answered', 'closed') OR (answered_at IS NOT NULL AND answer_origin IS NOT NULL)
        ),
        CONSTRAINT closed_has_its_moment CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
        CONSTRAINT not_recorded_before_receipt CHECK (received_at <= recorded_at + interval '5 minutes')
    )
    """,
    "CREATE INDEX ix_complaints_received_at ON complaints (received_at, id)",
    "CREATE INDEX ix_complaints_recorded_at ON complaints (recorded_at, id)",
    "CREATE INDEX ix_complaints_due_at ON complaints (due_at, id)",
    "CREATE INDEX ix_complaints_state ON complaints (state, received_at, id)",
    "CREATE INDEX ix_complaints_channel ON complaints (channel, received_at, id)",
    "CREATE INDEX ix_complaints_kind ON complaints (kind, received_at, id)",
    "CREATE INDEX ix_complaints_province ON complaints (province, received_at, id) WHERE province IS NOT NULL",
    "CREATE INDEX ix_complaints_work_group ON complaints (work_group, received_at, id) WHERE work_group IS NOT NULL",
    "CREATE INDEX ix_complaints_client_id ON complaints (client_id, received_at, id) WHERE client_id IS NOT NULL",
    "CREATE INDEX ix_complaints_search_text ON complaints USING gin (search_text gin_trgm_ops)",
    """
    CREATE TABLE complainants (
        complaint_id uuid PRIMARY KEY REFERENCES complaints,
        title text,
        first_name text,
        last_name text,
        national_id text,
        phone text,
        email text,
        address text,
        CONSTRAINT national_id_has_13_digits CHECK (national_id ~ '^[0-9]{13}$')
    )
    """,
    """
    CREATE TABLE referrals (
        id uuid PRIMARY KEY,
        version integer NOT NULL,
        complaint_id uuid NOT NULL REFERENCES complaints,
        ordinal integer NOT NULL,
        number text NOT NULL UNIQUE,
        "to" text NOT NULL,
        question text NOT NULL,
        state text NOT NULL,
        referred_at timestamptz NOT NULL,
        referred_by text NOT NULL,
        due_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        accepted_at timestamptz,
        case_number text,
        work_group text,
        topic text,
        agency_due_at timestamptz,
        returned_at timestamptz,
        return_reason text,
        return_note text,
        suggested_owner text,
        withdrawn_at timestamptz,
        withdrawal_reason text,
        answered_at timestamptz,
        answer_version integer,
        CONSTRAINT version_counts CHECK (version >= 1),
        CONSTRAINT ordinal_counts CHECK (ordinal >= 1),
        CONSTRAINT state_known CHECK (
            state IN ('queued', 'accepted', 'awaiting_complainant', 'answered', 'returned', 'withdrawn')
        ),
        CONSTRAINT reason_known CHECK (
            return_reason IN ('not_ours', 'unclear', 'duplicate', 'already_answered', 'other')
        ),
        CONSTRAINT returned_says_why CHECK (
            (state = 'returned') = (returned_at IS NOT NULL) AND (state = 'returned') = (return_reason IS NOT NULL)
        ),
        CONSTRAINT withdrawn_says_why CHECK (
            (state = 'withdrawn') = (withdrawn_at IS NOT NULL)
            AND (state = 'withdrawn') = (withdrawal_reason IS NOT NULL)
        ),
        CONSTRAINT answered_has_its_version CHECK (
            state <> 'answered' OR (answered_at IS NOT NULL AND answer_version IS NOT NULL)
        )
    )
    """,
    "CREATE UNIQUE INDEX ix_referrals_ordinal ON referrals (complaint_id, ordinal)",
    # A complaint is with one agency at a time, whatever two officers do at once.
    """
    CREATE UNIQUE INDEX ix_referrals_under_way ON referrals (complaint_id)
    WHERE state IN ('queued', 'accepted', 'awaiting_complainant')
    """,
    "CREATE INDEX ix_referrals_referred_at ON referrals (referred_at, id)",
    "CREATE INDEX ix_referrals_due_at ON referrals (due_at, id)",
    "CREATE INDEX ix_referrals_changed_at ON referrals (changed_at, id)",
    "CREATE INDEX ix_referrals_state ON referrals (state, referred_at, id)",
    'CREATE INDEX ix_referrals_to ON referrals ("to", referred_at, id)',
    "CREATE INDEX ix_referrals_work_group ON referrals (work_group, referred_at, id) WHERE work_group IS NOT NULL",
    "CREATE INDEX ix_referrals_case_number ON referrals (case_number) WHERE case_number IS NOT NULL",
    """
    CREATE TABLE complaint_history (
        id uuid PRIMARY KEY,
        complaint_id uuid NOT NULL REFERENCES complaints,
        referral_id uuid REFERENCES referrals,
        at timestamptz NOT NULL,
        by text NOT NULL,
        move text NOT NULL,
        from_state text,
        to_state text NOT NULL,
        note text,
        CONSTRAINT move_known CHECK (
            CASE WHEN referral_id IS NULL
            THEN move IN (
                'register', 'correct', 'note', 'accept', 'refuse', 'answer', 'refer', 'record_answer', 'take_back',
                'close', 'reopen', 'withdraw'
            )
            ELSE move IN (
                'send', 'accept', 'return', 'progress', 'ask', 'amend', 'answer', 'contest', 'withdraw'
            ) END
        ),
        CONSTRAINT begins_once CHECK ((move IN ('register', 'send')) = (from_state IS NULL))
    )
    """,
    "CREATE INDEX ix_complaint_history_complaint ON complaint_history (complaint_id, at, id)",
    """
    CREATE INDEX ix_complaint_history_referral ON complaint_history (referral_id, at, id) WHERE referral_id IS NOT NULL
    """,
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER complaint_history_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON complaint_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    """
    CREATE TABLE articles (
        id uuid PRIMARY KEY,
        version integer NOT NULL,
        state text NOT NULL,
        question text NOT NULL,
        answer text NOT NULL,
        topic text,
        keywords text[] NOT NULL,
        valid_from date,
        valid_until date,
        review_on date,
        number integer NOT NULL,
        published_number integer,
        from_referral uuid REFERENCES referrals,
        created_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        CONSTRAINT version_counts CHECK (version >= 1),
        CONSTRAINT state_known CHECK (state IN ('draft', 'published', 'retired')),
        CONSTRAINT published_is_written CHECK (published_number BETWEEN 1 AND number),
        CONSTRAINT published_has_its_number CHECK (state <> 'published' OR published_number IS NOT NULL),
        CONSTRAINT ends_after_it_begins CHECK (valid_until >= valid_from)
    )
    """,
    "CREATE INDEX ix_articles_changed_at ON articles (changed_at, id)",
    "CREATE INDEX ix_articles_state ON articles (state, changed_at, id)",
    "CREATE INDEX ix_articles_topic ON articles (topic, changed_at, id) WHERE topic IS NOT NULL",
    "CREATE INDEX ix_articles_review_on ON articles (review_on) WHERE review_on IS NOT NULL",
    """
    CREATE TABLE article_versions (
        article_id uuid NOT NULL REFERENCES articles,
        number integer NOT NULL,
        question text NOT NULL,
        answer text NOT NULL,
        topic text,
        keywords text[] NOT NULL,
        valid_from date,
        valid_until date,
        review_on date,
        author text NOT NULL,
        written_at timestamptz NOT NULL,
        published_at timestamptz,
        published_by text,
        PRIMARY KEY (article_id, number),
        CONSTRAINT published_by_another CHECK (published_by <> author),
        CONSTRAINT published_by_somebody CHECK ((published_at IS NULL) = (published_by IS NULL))
    )
    """,
    """
    CREATE TABLE answers (
        id uuid PRIMARY KEY,
        complaint_id uuid NOT NULL REFERENCES complaints,
        version integer NOT NULL,
        origin text NOT NULL,
        text text NOT NULL,
        answered_at timestamptz NOT NULL,
        answered_by text NOT NULL,
        recorded_at timestamptz NOT NULL,
        referral_id uuid REFERENCES referrals,
        referral_version integer,
        work_group text,
        CONSTRAINT origin_known CHECK (origin IN ('centre', 'referral')),
        CONSTRAINT version_counts CHECK (version >= 1),
        CONSTRAINT of_a_referral_or_not CHECK (
            (origin = 'referral') = (referral_id IS NOT NULL)
            AND (referral_id IS NULL) = (referral_version IS NULL)
        )
    )
    """,
    "CREATE UNIQUE INDEX ix_answers_version ON answers (complaint_id, version)",
    """
    CREATE UNIQUE INDEX ix_answers_referral ON answers (referral_id, referral_version) WHERE referral_id IS NOT NULL
    """,
    """
    CREATE TABLE answer_articles (
        answer_id uuid NOT NULL REFERENCES answers,
        article_id uuid NOT NULL,
        number integer NOT NULL,
        PRIMARY KEY (answer_id, article_id),
        FOREIGN KEY (article_id, number) REFERENCES article_versions
    )
    """,
    "CREATE INDEX ix_answer_articles_article ON answer_articles (article_id, number)",
)

_DROP = (
    "answer_articles",
    "answers",
    "article_versions",
    "articles",
    "complaint_history",
    "referrals",
    "complainants",
    "complaints",
)


def upgrade() -> None:
    for statement in (*_CREATE, *creation_1("articles")):
        op.execute(statement)
    for year in NUMBERED_YEARS:
        op.execute(f"CREATE SEQUENCE tracking_numbers_{year}")


def downgrade() -> None:
    for year in NUMBERED_YEARS:
        op.execute(f"DROP SEQUENCE tracking_numbers_{year}")
    for statement in removal_1("articles"):
        op.execute(statement)
    for table in _DROP:
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION refuse_change")
