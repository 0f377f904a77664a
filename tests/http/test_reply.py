from __future__ import annotations

import pytest

from perfproof.http.reply import ends_with_connection, final_head

OK = b"HTTP/1.1 200 OK\r\nserver: x"
END = b"\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "head"),
    [
        (OK + END + b"body", OK),
        (OK, None),
        (b"", None),
        (b"HTTP/1.1 100 Continue" + END, None),
        (b"HTTP/1.1 100 Continue" + END + b"HTTP/1.1 103 Early Hints\r\nlink: x" + END + OK + END + b"\r\n\r\n", OK),
    ],
)
def test_the_head_is_that_of_the_final_response(data, head):
    assert final_head(data) == head


@pytest.mark.parametrize(
    ("header", "ends"),
    [(b"Content-Length: 5", False), (b"TRANSFER-ENCODING : chunked", False), (b"x-content-length: 5", True)],
)
def test_a_body_without_a_length_ends_with_the_connection(header, ends):
    assert ends_with_connection(OK + b"\r\n" + header) is ends
