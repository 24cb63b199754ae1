CREATE TABLE requests (
    tenant  TEXT   NOT NULL,
    caller  TEXT   NOT NULL,
    request BYTEA  NOT NULL,
    method  TEXT   NOT NULL,
    content BYTEA  NOT NULL,
    answer  BYTEA  NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (tenant, caller, request)
);
CREATE INDEX requests_at ON requests (at);
