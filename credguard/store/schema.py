"""The schema of the state database, version by version."""

# One entry a schema version, applied in order; an entry is never edited once released.
MIGRATIONS = (
    """
    CREATE TABLE key (
        key_id TEXT PRIMARY KEY, partition TEXT NOT NULL, account TEXT NOT NULL,
        user_name TEXT NOT NULL, user_id TEXT NOT NULL,
        created REAL,                 -- IAM's CreateDate, Unix seconds; NULL: not known
        origin TEXT NOT NULL,         -- import, add, rotation
        added REAL NOT NULL
    );
    CREATE TABLE profile (
        name TEXT PRIMARY KEY, key_id TEXT NOT NULL REFERENCES key(key_id),
        generation INTEGER NOT NULL DEFAULT 1,
        consent INTEGER NOT NULL DEFAULT 0,   -- 1: a person agreed to unattended rotation
        used_elsewhere INTEGER NOT NULL DEFAULT 0,
        added REAL NOT NULL
    );
    CREATE TABLE rotation (
        identity TEXT PRIMARY KEY,    -- partition/account/user_name
        record TEXT NOT NULL, updated REAL NOT NULL
    );
    CREATE TABLE event (
        id INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
        detail TEXT NOT NULL DEFAULT '{}'
    );
    CREATE INDEX event_at ON event(at);
    CREATE TABLE secret_name (name TEXT PRIMARY KEY, added REAL NOT NULL);
    CREATE TABLE watch_root (path TEXT PRIMARY KEY, added REAL NOT NULL);
    CREATE TABLE finding (
        fingerprint TEXT PRIMARY KEY, path TEXT NOT NULL, line INTEGER NOT NULL,
        rule_id TEXT NOT NULL, masked TEXT NOT NULL, first_seen REAL NOT NULL,
        last_seen REAL NOT NULL, state TEXT NOT NULL DEFAULT 'open', notified REAL
    );
    CREATE TABLE hook (
        repository TEXT PRIMARY KEY,  -- absolute git dir, or '--global'
        hooks_path TEXT NOT NULL, previous TEXT, added REAL NOT NULL
    );
    CREATE TABLE ssh_key (
        name TEXT PRIMARY KEY, key_type TEXT NOT NULL, public_key TEXT NOT NULL,
        fingerprint TEXT NOT NULL, path TEXT NOT NULL, owner TEXT NOT NULL, created REAL NOT NULL
    );
    CREATE TABLE ssh_registration (
        name TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, registered REAL NOT NULL,
        PRIMARY KEY (name, account, region)
    );
    CREATE TABLE schedule (name TEXT PRIMARY KEY, last_run REAL, next_run REAL);
    """,
    """
    CREATE TABLE mfa_step (serial TEXT PRIMARY KEY, step INTEGER NOT NULL);
    """,
    # The log: hand-outs beside events, both chained (chain.py). AUTOINCREMENT remembers the
    # highest id, so that rows cut off the end are noticed.
    """
    CREATE TABLE event_chained (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, kind TEXT NOT NULL,
        subject TEXT NOT NULL, detail TEXT NOT NULL DEFAULT '{}',
        digest BLOB                   -- NULL: from before the chain
    );
    INSERT INTO event_chained (id, at, kind, subject, detail)
        SELECT id, at, kind, subject, detail FROM event ORDER BY id;
    DROP TABLE event;
    ALTER TABLE event_chained RENAME TO event;
    CREATE INDEX event_at ON event(at);
    CREATE TABLE handout (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, profile TEXT NOT NULL,
        key_id TEXT NOT NULL,
        how TEXT NOT NULL,            -- credential_process, exec, shell, env, export
        pid INTEGER, program TEXT, started REAL,      -- who asked; NULL: not known
        digest BLOB NOT NULL
    );
    CREATE INDEX handout_key ON handout(key_id, at);
    CREATE TABLE pruned (name TEXT PRIMARY KEY, last_id INTEGER NOT NULL, digest BLOB);
    """,
    """
    CREATE TABLE problem (
        subject TEXT PRIMARY KEY, kind TEXT NOT NULL, what TEXT NOT NULL, hint TEXT NOT NULL,
        since REAL NOT NULL, told INTEGER NOT NULL
    );
    CREATE TABLE told (subject TEXT PRIMARY KEY, what TEXT NOT NULL, at REAL NOT NULL);
    """,
    """
    CREATE TABLE console_password (
        identity TEXT PRIMARY KEY,    -- partition/account/user_name
        generation INTEGER NOT NULL,  -- names the item in the vault
        changed REAL NOT NULL         -- credguard's last proven change, Unix seconds
    );
    CREATE TABLE password_change (
        identity TEXT PRIMARY KEY, record TEXT NOT NULL, updated REAL NOT NULL
    );
    """,
    """
    CREATE TABLE exported (
        path TEXT NOT NULL, key_id TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (path, key_id)
    );
    """,
    # Beside the hand-outs, whose chained columns are fixed.
    """
    CREATE TABLE session_end (
        key_id TEXT PRIMARY KEY,      -- the long-term key that sessions were got with
        until REAL NOT NULL           -- the last of those handed out ends, Unix seconds
    );
    """,
    """
    CREATE TABLE commit_since (git_dir TEXT PRIMARY KEY, since REAL NOT NULL);
    CREATE TABLE commit_seen (
        repository TEXT NOT NULL,     -- absolute git folder that its worktrees share
        oid TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (repository, oid)
    );
    CREATE TABLE commit_finding (
        fingerprint TEXT PRIMARY KEY, repository TEXT NOT NULL, oid TEXT NOT NULL,
        path TEXT NOT NULL, line INTEGER NOT NULL, rule_id TEXT NOT NULL, masked TEXT NOT NULL,
        first_seen REAL NOT NULL, pushed INTEGER NOT NULL, notified REAL
    );
    """,
    """
    CREATE TABLE leak_place (
        item TEXT, git_dir TEXT, oid TEXT, path TEXT, line INTEGER NOT NULL, at REAL NOT NULL,
        out INTEGER NOT NULL, PRIMARY KEY (item, git_dir, oid, path)
    );
    CREATE TABLE leak (
        item TEXT PRIMARY KEY, title TEXT NOT NULL, git_dir TEXT NOT NULL, oid TEXT NOT NULL,
        path TEXT NOT NULL, line INTEGER NOT NULL, since REAL NOT NULL, at REAL NOT NULL,
        due REAL NOT NULL, state TEXT NOT NULL, answer TEXT NOT NULL
    );
    """,
    """
    ALTER TABLE leak ADD COLUMN how TEXT NOT NULL DEFAULT '';
    CREATE TABLE push_note (          -- pushes to a bare URL: no tracking branch tells of them
        repository TEXT NOT NULL, oid TEXT NOT NULL, url TEXT NOT NULL, at REAL NOT NULL,
        PRIMARY KEY (repository, oid)
    );
    CREATE TABLE remote_tips (repository TEXT PRIMARY KEY, tips TEXT NOT NULL, at REAL NOT NULL);
    """,
    """
    ALTER TABLE ssh_key ADD COLUMN held TEXT NOT NULL DEFAULT 'file';    -- file, vault
    ALTER TABLE ssh_key ADD COLUMN state TEXT NOT NULL DEFAULT 'active';
    CREATE TABLE ssh_rotation (old TEXT PRIMARY KEY, record TEXT NOT NULL, updated REAL NOT NULL);
    CREATE TABLE ssh_revocation (
        fingerprint TEXT PRIMARY KEY, record TEXT NOT NULL, updated REAL NOT NULL
    );
    """,
    # `value`: the value's keyed fingerprint, whatever the place and rule; `item`: of the vault,
    # where the value is one of its own; `reason`: why it is allowed. notice: shown next.
    """
    ALTER TABLE finding ADD COLUMN value TEXT NOT NULL DEFAULT '';
    ALTER TABLE finding ADD COLUMN item TEXT NOT NULL DEFAULT '';
    ALTER TABLE finding ADD COLUMN reason TEXT NOT NULL DEFAULT '';
    CREATE INDEX finding_path ON finding(path, state);
    CREATE INDEX finding_value ON finding(value);
    ALTER TABLE watch_root ADD COLUMN files INTEGER;    -- at the last walk; NULL: none ended yet
    ALTER TABLE watch_root ADD COLUMN looked REAL;      -- when that was, Unix seconds
    CREATE TABLE notice (
        id INTEGER PRIMARY KEY, at REAL NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL,
        urgent INTEGER NOT NULL
    );
    """,
    """
    CREATE TABLE audit_run (
        id INTEGER PRIMARY KEY, account TEXT NOT NULL, scope TEXT NOT NULL, at REAL NOT NULL,
        passed INTEGER NOT NULL, failed INTEGER NOT NULL, unknown INTEGER NOT NULL,
        waived INTEGER NOT NULL, calls INTEGER NOT NULL, seconds REAL NOT NULL,
        regions TEXT NOT NULL,        -- JSON list
        statuses TEXT NOT NULL        -- JSON list of [check, region, resource, status]
    );
    CREATE INDEX audit_run_account ON audit_run(account, scope, at);
    CREATE TABLE audit_fix (
        id INTEGER PRIMARY KEY, at REAL NOT NULL, account TEXT NOT NULL, fix TEXT NOT NULL,
        resource TEXT NOT NULL, region TEXT NOT NULL,
        before TEXT NOT NULL, after TEXT NOT NULL,    -- JSON, as AWS had it
        state TEXT NOT NULL           -- begun, done, undone
    );
    """,
    # One row an account where the key is registered. The account's 12 digits are in the record.
    """
    ALTER TABLE ssh_rotation RENAME TO ssh_rotation_of_one;
    CREATE TABLE ssh_rotation (
        old TEXT NOT NULL, account TEXT NOT NULL, record TEXT NOT NULL, updated REAL NOT NULL,
        PRIMARY KEY (old, account)
    );
    INSERT INTO ssh_rotation
        SELECT old, substr(record, instr(record, '"account": "') + 12, 12), record, updated
        FROM ssh_rotation_of_one;
    DROP TABLE ssh_rotation_of_one;
    """,
    """
    ALTER TABLE ssh_key ADD COLUMN confirm INTEGER NOT NULL DEFAULT 0;    -- 1: asks at each use
    """,
)
