"""What tests let onenet call besides the public Internet: this machine, on every port."""

from __future__ import annotations

import ssl

from onenet.destinations import Allowed, Destinations

NETWORKS = "127.0.0.0/8:1-65535,[::1]:1-65535"
"""`ONENET_INNER_NETWORKS` in the environment of every test."""

HERE = Destinations(tuple(map(Allowed.read, NETWORKS.split(","))))

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""`verify` of calls to plain HTTP; without it each reads the system's certificates, for 10 ms and more."""
