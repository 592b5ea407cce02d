"""HTTP in: read a request, ask who may, call one service, shape the answer."""
