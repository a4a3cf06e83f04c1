{{/* The servers for trying, one entry each, as docker-compose.yml has them. */}}
{{- define "ragsite.bundled" -}}
{{- $secret := .Values.bundled.secret -}}
postgresql:
  user: 999
  port: 5432
  data: /var/lib/postgresql
  graceSeconds: 60
  args: [postgres, -c, max_connections=300, -c, shared_buffers=256MB, -c, maintenance_work_mem=512MB, -c, autovacuum_vacuum_scale_factor=0.02, -c, autovacuum_analyze_scale_factor=0.02, -c, log_min_duration_statement=1s]
  environment:
    - {name: POSTGRES_INITDB_ARGS, value: "--encoding=UTF8 --no-locale --locale-provider=builtin --builtin-locale=C.UTF-8"}
    - {name: POSTGRES_PASSWORD, valueFrom: {secretKeyRef: {name: {{ $secret }}, key: POSTGRES_PASSWORD}}}
    - {name: RAGSITE_OWNER_PASSWORD, valueFrom: {secretKeyRef: {name: {{ $secret }}, key: RAGSITE_OWNER_PASSWORD}}}
    - {name: RAGSITE_APP_PASSWORD, valueFrom: {secretKeyRef: {name: {{ $secret }}, key: RAGSITE_APP_PASSWORD}}}
  # Over TCP, where the server that runs the first-time script does not listen.
  probe: {exec: {command: [pg_isready, --host=127.0.0.1, --username=ragsite_app, --dbname=ragsite]}}
  writable: [/tmp, /var/run/postgresql]
  sharedMemory: true
  firstTimeScript: true
redis:
  user: 999
  port: 6379
  data: /data
  graceSeconds: 30
  args: [redis-server, --requirepass, $(REDIS_PASSWORD), --appendonly, "yes", --appendfsync, everysec, --save, "", --maxmemory, 512mb, --maxmemory-policy, noeviction, --tcp-keepalive, "60"]
  environment:
    - {name: REDIS_PASSWORD, valueFrom: {secretKeyRef: {name: {{ $secret }}, key: REDIS_PASSWORD}}}
    - {name: REDISCLI_AUTH, value: $(REDIS_PASSWORD)}
  probe: {exec: {command: [sh, -c, "redis-cli ping | grep -q PONG"]}}
  writable: [/tmp]
kafka:
  user: 1000
  port: 9092
  data: /var/lib/kafka/data
  graceSeconds: 40
  environment:
    - {name: KAFKA_NODE_ID, value: "1"}
    - {name: KAFKA_PROCESS_ROLES, value: "broker,controller"}
    - {name: KAFKA_LISTENERS, value: "PLAINTEXT://:9092,CONTROLLER://127.0.0.1:9093"}
    - {name: KAFKA_ADVERTISED_LISTENERS, value: "PLAINTEXT://{{ include "ragsite.name" (list . "kafka") }}:9092"}
    - {name: KAFKA_LISTENER_SECURITY_PROTOCOL_MAP, value: "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"}
    - {name: KAFKA_CONTROLLER_LISTENER_NAMES, value: CONTROLLER}
    - {name: KAFKA_CONTROLLER_QUORUM_VOTERS, value: "1@127.0.0.1:9093"}
    - {name: KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR, value: "1"}
    - {name: KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR, value: "1"}
    - {name: KAFKA_TRANSACTION_STATE_LOG_MIN_ISR, value: "1"}
    - {name: KAFKA_AUTO_CREATE_TOPICS_ENABLE, value: "false"}
    - {name: KAFKA_LOG_DIRS, value: /var/lib/kafka/data/logs}
  probe: {tcpSocket: {port: server}}
  writable: [/tmp, /opt/kafka/config, /opt/kafka/logs]
clickhouse:
  user: 101
  port: 8123
  data: /var/lib/clickhouse
  graceSeconds: 60
  environment:
    - {name: CLICKHOUSE_DB, value: ragsite}
    - {name: CLICKHOUSE_USER, value: ragsite}
    - {name: CLICKHOUSE_PASSWORD, valueFrom: {secretKeyRef: {name: {{ $secret }}, key: CLICKHOUSE_PASSWORD}}}
  probe: {httpGet: {path: /ping, port: server}}
  writable: [/tmp, /var/log/clickhouse-server, /etc/clickhouse-server/users.d]
{{- end -}}
