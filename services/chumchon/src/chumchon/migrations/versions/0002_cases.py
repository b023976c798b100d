"""Cases, their routing, answers and history.

Case numbers come from a sequence a Buddhist year, so two counters cannot give one number twice; a number whose
transaction failed is left out. The sequences reach to B.E. 2599: a later revision adds more long before.
History is append-only: a trigger refuses every change of it.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

NUMBERED_YEARS = range(2569, 2600)

_GROUPS = "('information', 'participation', 'administration', 'audit', 'academic')"
_TOPICS = (
    "('information_media', 'project_documents', 'transfers_and_changes', 'regulations', 'meeting_agendas',"
    " 'complaints', 'follow_up', 'training', 'sufficiency_economy')"
)
_STATES = "('new', 'routed', 'accepted', 'awaiting_complainant', 'answered', 'returned', 'withdrawn')"
_CHANNELS = "('po_box', 'fax', 'telephone', 'website', 'email')"
_KINDS = "('complaint', 'inquiry', 'suggestion', 'request')"

_CREATE = (
    f"""
    CREATE TABLE cases (
        id uuid PRIMARY KEY,
        case_number text NOT NULL UNIQUE,
        origin text NOT NULL,
        channel text,
        kind text NOT NULL,
        subject text NOT NULL,
        details text NOT NULL,
        province text,
        district text,
        subdistrict text,
        community text,
        confidential boolean NOT NULL,
        evidence jsonb,
        received_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL,
        client_id text,
        secret_hash bytea,
        state text NOT NULL,
        topic text,
        work_group text,
        routing_id uuid,
        officer text,
        due_at timestamptz NOT NULL,
        accepted_at timestamptz,
        answered_at timestamptz,
        stopped_at timestamptz,
        answer_version integer NOT NULL,
        search_stale boolean NOT NULL,
        version integer NOT NULL,
        CONSTRAINT origin_known CHECK (origin IN ('channel', 'referral')),
        CONSTRAINT channel_known CHECK (channel IN {_CHANNELS}),
        CONSTRAINT a_channel_brings_evidence_and_a_referral_neither CHECK (
            (origin = 'channel' AND channel IS NOT NULL AND evidence IS NOT NULL AND secret_hash IS NOT NULL)
            OR (origin = 'referral' AND channel IS NULL AND evidence IS NULL AND secret_hash IS NULL)
        ),
        CONSTRAINT kind_known CHECK (kind IN {_KINDS}),
        CONSTRAINT state_known CHECK (state IN {_STATES}),
        CONSTRAINT topic_known CHECK (topic IN {_TOPICS}),
        CONSTRAINT work_group_known CHECK (work_group IN {_GROUPS}),
        CONSTRAINT a_topic_has_its_group CHECK ((topic IS NULL) = (work_group IS NULL)),
        CONSTRAINT in_triage_means_no_group CHECK (state <> 'new' OR work_group IS NULL),
        CONSTRAINT at_work_means_a_group CHECK (
            state NOT IN ('routed', 'accepted', 'awaiting_complainant', 'answered') OR work_group IS NOT NULL
        ),
        CONSTRAINT answered_has_its_answer CHECK (
            state <> 'answered' OR (answer_version > 0 AND answered_at IS NOT NULL)
        ),
        CONSTRAINT the_clock_stands_while_waiting CHECK ((state = 'awaiting_complainant') = (stopped_at IS NOT NULL)),
        CONSTRAINT versions_count CHECK (version >= 1 AND answer_version >= 0)
    )
    """,
    # Each list is filtered and sorted along one of these; the id breaks ties, for keyset pages.
    "CREATE INDEX ix_cases_received_at ON cases (received_at, id)",
    "CREATE INDEX ix_cases_due_at ON cases (due_at, id)",
    "CREATE INDEX ix_cases_work_group_state ON cases (work_group, state, received_at, id)",
    "CREATE INDEX ix_cases_state ON cases (state, received_at, id)",
    "CREATE INDEX ix_cases_topic ON cases (topic, received_at, id)",
    "CREATE INDEX ix_cases_channel ON cases (channel, received_at, id)",
    "CREATE INDEX ix_cases_client_id ON cases (client_id, received_at, id) WHERE client_id IS NOT NULL",
    "CREATE INDEX ix_cases_search_stale ON cases (id) WHERE search_stale",
    # One mail is one case, however often it is recorded.
    "CREATE UNIQUE INDEX cases_message_id ON cases ((evidence ->> 'message_id')) WHERE channel = 'email'",
    """
    CREATE TABLE complainants (
        case_id uuid PRIMARY KEY CONSTRAINT complainants_case_id_fkey REFERENCES cases,
        title text,
        first_name text,
        last_name text,
        national_id text,
        phone text,
        email text,
        address text
    )
    """,
    """
    CREATE TABLE referrals (
        id uuid PRIMARY KEY,
        case_id uuid NOT NULL UNIQUE CONSTRAINT referrals_case_id_fkey REFERENCES cases,
        number text NOT NULL,
        party text NOT NULL,
        complaint_number text NOT NULL,
        channel text NOT NULL,
        question text NOT NULL,
        attachments jsonb NOT NULL,
        path jsonb NOT NULL
    )
    """,
    "CREATE INDEX ix_referrals_complaint_number ON referrals (complaint_number)",
    f"""
    CREATE TABLE case_history (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        case_id uuid NOT NULL CONSTRAINT case_history_case_id_fkey REFERENCES cases,
        at timestamptz NOT NULL,
        by text NOT NULL,
        action text NOT NULL,
        from_state text,
        to_state text NOT NULL,
        note text,
        CONSTRAINT action_known CHECK (action IN (
            'open', 'route', 'reroute', 'change_topic', 'hand_back', 'accept', 'return', 'report_progress', 'ask',
            'reply', 'draft', 'answer', 'correct_answer', 'correct_record', 'amend', 'contest', 'withdraw'
        )),
        CONSTRAINT states_known CHECK (from_state IN {_STATES} AND to_state IN {_STATES}),
        CONSTRAINT only_opening_comes_from_nothing CHECK ((action = 'open') = (from_state IS NULL))
    )
    """,
    "CREATE INDEX ix_case_history_case_id ON case_history (case_id, id)",
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END
    $$
    """,
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON case_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    f"""
    CREATE TABLE routings (
        id uuid PRIMARY KEY,
        case_id uuid NOT NULL CONSTRAINT routings_case_id_fkey REFERENCES cases,
        decided_at timestamptz NOT NULL,
        decided_by text,
        method text NOT NULL,
        topic text,
        work_group text,
        confidence double precision NOT NULL,
        abstained boolean NOT NULL,
        terms jsonb NOT NULL,
        proposals jsonb NOT NULL,
        reason text,
        rules_version integer,
        CONSTRAINT method_known CHECK (method IN ('rule', 'model', 'person')),
        CONSTRAINT a_person_gives_a_reason CHECK (
            (method = 'person') = (decided_by IS NOT NULL) AND (method = 'person') = (reason IS NOT NULL)
        ),
        CONSTRAINT topic_known CHECK (topic IN {_TOPICS}),
        CONSTRAINT work_group_known CHECK (work_group IN {_GROUPS}),
        CONSTRAINT abstained_means_no_topic CHECK (
            abstained = (topic IS NULL) AND (topic IS NULL) = (work_group IS NULL)
        ),
        CONSTRAINT confidence_is_a_share CHECK (confidence BETWEEN 0 AND 1)
    )
    """,
    "CREATE INDEX ix_routings_case_id ON routings (case_id, decided_at, id)",
    "ALTER TABLE cases ADD CONSTRAINT cases_routing_id_fkey FOREIGN KEY (routing_id) REFERENCES routings",
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON routings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    """
    CREATE TABLE routing_rules (
        id uuid PRIMARY KEY,
        version integer NOT NULL UNIQUE,
        rules jsonb NOT NULL,
        saved_at timestamptz NOT NULL,
        saved_by text NOT NULL,
        note text,
        CONSTRAINT versions_count CHECK (version >= 1)
    )
    """,
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON routing_rules
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    """
    CREATE TABLE case_messages (
        id uuid PRIMARY KEY,
        case_id uuid NOT NULL CONSTRAINT case_messages_case_id_fkey REFERENCES cases,
        kind text NOT NULL,
        text text NOT NULL,
        by text NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT kind_known CHECK (kind IN ('progress', 'question', 'reply', 'amendment', 'contest'))
    )
    """,
    "CREATE INDEX ix_case_messages_case_id ON case_messages (case_id, id)",
    """
    CREATE TABLE drafts (
        case_id uuid PRIMARY KEY CONSTRAINT drafts_case_id_fkey REFERENCES cases,
        text text NOT NULL,
        written_by text NOT NULL,
        written_at timestamptz NOT NULL
    )
    """,
    f"""
    CREATE TABLE answers (
        case_id uuid NOT NULL CONSTRAINT answers_case_id_fkey REFERENCES cases,
        version integer NOT NULL,
        text text NOT NULL,
        topic text NOT NULL,
        work_group text NOT NULL,
        drafted_by text NOT NULL,
        approved_by text NOT NULL,
        answered_at timestamptz NOT NULL,
        CONSTRAINT answers_pkey PRIMARY KEY (case_id, version),
        CONSTRAINT versions_count CHECK (version >= 1),
        CONSTRAINT topic_known CHECK (topic IN {_TOPICS}),
        CONSTRAINT work_group_known CHECK (work_group IN {_GROUPS})
    )
    """,
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON answers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    f"""
    CREATE TABLE deliveries (
        id uuid PRIMARY KEY,
        case_id uuid NOT NULL CONSTRAINT deliveries_case_id_fkey REFERENCES cases,
        kind text NOT NULL,
        answer_version integer,
        text text NOT NULL,
        channel text NOT NULL,
        state text NOT NULL,
        created_at timestamptz NOT NULL,
        sent_at timestamptz,
        sent_by text,
        note text,
        version integer NOT NULL,
        CONSTRAINT kind_known CHECK (kind IN ('answer', 'question', 'progress')),
        CONSTRAINT an_answer_has_its_version CHECK ((kind = 'answer') = (answer_version IS NOT NULL)),
        CONSTRAINT channel_known CHECK (channel IN {_CHANNELS}),
        CONSTRAINT state_known CHECK (state IN ('to_send', 'sent', 'shown', 'superseded')),
        CONSTRAINT sent_says_by_whom CHECK (
            (state = 'sent') = (sent_at IS NOT NULL) AND (state = 'sent') = (sent_by IS NOT NULL)
        )
    )
    """,
    "CREATE INDEX ix_deliveries_case_id ON deliveries (case_id)",
    "CREATE INDEX ix_deliveries_state ON deliveries (state, created_at, id)",
    f"""
    CREATE TABLE questions (
        id uuid PRIMARY KEY,
        case_id uuid NOT NULL UNIQUE CONSTRAINT questions_case_id_fkey REFERENCES cases,
        subject text NOT NULL,
        text text NOT NULL,
        kind text NOT NULL,
        topic text NOT NULL,
        work_group text NOT NULL,
        origin text NOT NULL,
        channel text,
        asked_at timestamptz NOT NULL,
        answered_at timestamptz NOT NULL,
        answer_version integer NOT NULL,
        answer text NOT NULL,
        CONSTRAINT kind_known CHECK (kind IN {_KINDS}),
        CONSTRAINT topic_known CHECK (topic IN {_TOPICS}),
        CONSTRAINT work_group_known CHECK (work_group IN {_GROUPS}),
        CONSTRAINT origin_known CHECK (origin IN ('channel', 'referral')),
        CONSTRAINT channel_known CHECK (channel IN {_CHANNELS})
    )
    """,
    "CREATE INDEX ix_questions_answered_at ON questions (answered_at, id)",
    "CREATE INDEX ix_questions_work_group ON questions (work_group, answered_at, id)",
    "CREATE INDEX ix_questions_topic ON questions (topic, answered_at, id)",
    *(f"CREATE SEQUENCE case_numbers_{year}" for year in NUMBERED_YEARS),
)

_TABLES = (
    "questions, deliveries, answers, drafts, case_messages, routing_rules, routings, case_history, referrals,"
    " complainants, cases"
)


def upgrade() -> None:
    for statement in _CREATE:
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE cases DROP CONSTRAINT cases_routing_id_fkey")
    op.execute(f"DROP TABLE {_TABLES}")
    op.execute("DROP FUNCTION refuse_change")
    for year in NUMBERED_YEARS:
        op.execute(f"DROP SEQUENCE case_numbers_{year}")
