"""Elements: nesting, escaping, and what no page may hold."""

from semreg_tf.reporting.markup import element, table, to_html


def test_children_and_tails_keep_their_order():
    made = element("p", "a", element("b", "c"), "d", ["e", [element("i", 1), None, 2.5]])
    assert to_html(made) == "<p>a<b>c</b>de<i>1</i>2.5</p>"


def test_text_and_attributes_are_escaped():
    made = element("a", "<b> & 'c'", title='"<x>" & y', aria_label=None)
    assert to_html(made) == ("""<a title="&quot;<x&gt;&quot; &amp; y">&lt;b&gt; &amp; 'c'</a>""")


def test_characters_that_html_forbids_are_replaced():
    made = to_html(element("p", "a\x00b\ud800c\td", title="\x1b"))
    assert made == '<p title="\ufffd">a\ufffdb\ufffdc\td</p>'
    made.encode("utf-8")
    assert to_html(element("p", element("b"), "a\x0b")) == "<p><b></b>a\ufffd</p>"


def test_void_elements_have_no_end_tag_and_names_lose_underscores():
    made = element("svg", element("img", src="x"), cls="c", viewBox="0 0 1 1", stroke_width=2)
    assert to_html(made) == '<svg class="c" viewBox="0 0 1 1" stroke-width="2"><img src="x"></svg>'


def test_table_scopes_its_headings_and_takes_cells_of_its_own():
    made = to_html(table(["a", "b"], [["r", element("td", "1", cls="x")]], "said", "figures"))
    assert '<th scope="col">a</th><th scope="col">b</th>' in made
    assert '<th scope="row">r</th><td class="x">1</td>' in made
    assert '<div class="scroll" tabindex="0" role="region" aria-label="said">' in made
