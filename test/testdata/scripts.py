"""Runs scripts as aws:executeScript does, against the test's stand-in for AWS.

A line on stdin is a script to run, a line on stdout a call that it makes, which
is answered by a line, or how it ended. Time and the web are the stand-in's too.
"""

import datetime
import io
import json
import sys
import time
import traceback
import types
import urllib.error
import urllib.request

answers, calls = sys.stdin, sys.stdout
sys.stdout = sys.stderr


def encode(value):
    if isinstance(value, datetime.datetime):
        return {"$time": value.timestamp()}
    raise TypeError(f"a script passes a {type(value).__name__}")


def decode(value):
    if "$time" in value:
        return datetime.datetime.fromtimestamp(value["$time"], datetime.timezone.utc)
    return value


def write(message):
    calls.write(json.dumps(message, default=encode) + "\n")
    calls.flush()


def read():
    line = answers.readline()
    if not line:
        sys.exit()
    return json.loads(line, object_hook=decode)


class Errors(dict):
    """A client's exceptions, by code."""

    def __missing__(self, code):
        self[code] = type(code, (Exception,), {})
        return self[code]

    __getattr__ = dict.__getitem__


def ask(errors, service, operation, params):
    write({"service": service, "operation": operation, "params": params})
    answer = read()
    if answer.get("code"):
        raise errors[answer["code"]](f"An error occurred ({answer['code']}) when calling {operation}: {answer['message']}")
    return answer["result"]


class Client:
    def __init__(self, service):
        self.service, self.exceptions = service, Errors()

    def __getattr__(self, method):
        operation = method.replace("_", "")
        return lambda **params: ask(self.exceptions, self.service, operation, params)

    def get_paginator(self, method):
        return types.SimpleNamespace(paginate=lambda **params: iter([getattr(self, method)(**params)]))


def urlopen(url, timeout):
    answer = ask(Errors(), "web", "get", {"url": url, "timeout": timeout})
    if not answer["status"]:
        raise urllib.error.URLError(answer["body"])
    body = io.BytesIO(answer["body"].encode())
    if answer["status"] >= 400:
        raise urllib.error.HTTPError(url, answer["status"], "", {}, body)
    body.status = answer["status"]
    return body


sys.modules["boto3"] = types.SimpleNamespace(client=Client)
time.time = lambda: ask(Errors(), "clock", "now", {})
time.sleep = lambda seconds: ask(Errors(), "clock", "sleep", {"seconds": seconds})
urllib.request.urlopen = urlopen

while True:
    job = read()
    try:
        names = {"__name__": "script"}
        exec(compile(job["script"], "script", "exec"), names)
        write({"returned": True, "result": names[job["handler"]](job["payload"], {})})
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        write({"returned": True, "raised": f"{type(error).__name__}: {error}"})
