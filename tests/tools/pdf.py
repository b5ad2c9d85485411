"""A document to sign."""


def blank_page() -> bytes:
    """The smallest PDF that there is to show."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Resources << >> >>",
    ]
    text, places = b"%PDF-1.7\n", list[int]()
    for number, content in enumerate(objects, 1):
        places.append(len(text))
        text += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    rows = [b"0000000000 65535 f \n", *(b"%010d 00000 n \n" % place for place in places)]
    table = b"xref\n0 %d\n%s" % (len(rows), b"".join(rows))
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\n" % len(rows)
    return text + table + trailer + b"startxref\n%d\n%%%%EOF\n" % len(text)
