"""Answers the SQL of docs/operations.md over spans and log lines, in SQLite.

Reads {"spans": [...], "logs": [...], "queries": [...]} and writes for each query {"columns": [...], "rows": [[...]]}. What
GoogleSQL has and SQLite has not is a function here; JSON_VALUE gives text, as there, so that a missing CAST shows.
"""
import json
import sqlite3
import sys


def json_value(text, path):
    value = json.loads(text)
    for key in path.removeprefix("$.").split('"') if '"' in path else path.removeprefix("$.").split("."):
        if key in ("", "."):
            continue
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    if value is None or isinstance(value, (dict, list)):
        return None
    return value if isinstance(value, str) else json.dumps(value)


class CountIf:
    def __init__(self):
        self.n = 0

    def step(self, condition):
        self.n += bool(condition)

    def finalize(self):
        return self.n


def main():
    given = json.load(sys.stdin)
    db = sqlite3.connect(":memory:")
    db.create_function("JSON_VALUE", 2, json_value, deterministic=True)
    db.create_aggregate("COUNTIF", 1, CountIf)
    for table in ("spans", "logs"):
        columns = list(given[table][0])
        db.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
        rows = ([row[c] for c in columns] for row in given[table])
        db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", rows)
    answers = []
    for query in given["queries"]:
        try:
            found = db.execute(query)
        except sqlite3.Error as err:
            sys.exit(f"{err}:\n{query}")
        answers.append({"columns": [c[0] for c in found.description], "rows": found.fetchall()})
    json.dump(answers, sys.stdout)


main()
