#!/usr/bin/env python3
"""The predecessor's way as a whole program: six queries one after the other, put together by their labels, sorted by
the average, printed as CSV. The standard library alone, which starts faster than what the predecessor was built on.

Usage: predecessor.py URL END_SECONDS
"""
import csv
import http.client
import json
import sys
import urllib.parse

SERIES = ('namedprocess_namegroup_cpu_rate{groupname!~"conmon"}', "pod:container_cpu_usage:sum")
STATISTICS = ("avg", "min", "max")


def ask(connection, query, end):
    """The result of an instant query: a list of series."""
    connection.request("GET", "/api/v1/query?" + urllib.parse.urlencode({"query": query, "time": end}))
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        sys.exit(f"{query}: {answer.status}: {body[:200]!r}")
    return json.loads(body)["data"]["result"]


def main(url, end):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)
    rows = {}
    for series in SERIES:
        for statistic in STATISTICS:
            for one in ask(connection, f"{statistic}_over_time({series}[1h])", end):
                name = ":".join(one["metric"].values())
                rows.setdefault(name, {})[statistic] = float(one["value"][1])
    ordered = sorted(rows.items(), key=lambda row: row[1]["avg"], reverse=True)
    out = csv.writer(sys.stdout)
    out.writerow(["uniqueId", *(f"{statistic} over 1h" for statistic in STATISTICS)])
    out.writerows([name, *(row[statistic] for statistic in STATISTICS)] for name, row in ordered)


if __name__ == "__main__":
    main(*sys.argv[1:])
