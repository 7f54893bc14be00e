"""Nasty replies, first table: lists and dictionaries in every notation, whole, broken, cut off."""

from __future__ import annotations

from typing import NamedTuple

from annotator.core.replies import (
    CUT_OFF,
    EMPTY,
    EMPTY_LIST,
)


class Case(NamedTuple):
    """A reply; the labels that a person reads out of it with ", " between them, or the failure;
    whether the token limit ended it."""

    name: str
    reply: str
    expected: str
    cut: bool = False


FENCE = "```"

LISTS = (
    # --- Python ---------------------------------------------------------------------------------
    Case("single quotes", "['sky', 'tree', 'dining table']", "sky, tree, dining table"),
    Case("double quotes", '["sky", "tree", "dining table"]', "sky, tree, dining table"),
    Case("mixed quotes", "[\"sky\", 'tree', `grass`]", "sky, tree, grass"),
    Case("curly quotes", "[“sky”, ‘tree’, “man’s hat”]", "sky, tree, man’s hat"),
    Case("apostrophe in single quotes", "['man's hat', 'dogs']", "man's hat, dogs"),
    Case("escaped apostrophe", "['man\\'s hat', 'dogs']", "man's hat, dogs"),
    Case("no quotes", "[sky, tree, dining table]", "sky, tree, dining table"),
    Case("some quotes missing", "['sky', tree, 'grass', road]", "sky, tree, grass, road"),
    Case("closing quote missing", "['sky, 'tree', 'grass']", "sky, tree, grass"),
    Case("opening quote missing", "[sky', 'tree', 'grass']", "sky, tree, grass"),
    Case("quotes that do not match", "[\"sky', 'tree\", 'grass']", "sky, tree, grass"),
    Case("doubled quotes", '[""sky"", ""tree""]', "sky, tree"),
    Case("commas missing", "['sky' 'tree' 'grass']", "sky, tree, grass"),
    Case("lines instead of commas", '[\n"sky"\n"tree"\n"grass"\n]', "sky, tree, grass"),
    Case("doubled commas", "['sky',, 'tree',,, 'grass',]", "sky, tree, grass"),
    Case("semicolons", "['sky'; 'tree'; 'grass']", "sky, tree, grass"),
    Case("opening bracket missing", "'sky', 'tree', 'grass']", "sky, tree, grass"),
    Case("closing bracket missing", "['sky', 'tree', 'grass'\n", "sky, tree, grass"),
    Case("wrong closing bracket", "['sky', 'tree', 'grass'}", "sky, tree, grass"),
    Case("no brackets, no quotes", "sky, tree, grass", "sky, tree, grass"),
    Case("tuple", "('sky', 'tree', 'grass')", "sky, tree, grass"),
    Case("set", "{'sky', 'tree', 'grass'}", "sky, tree, grass"),
    Case("assignment", "labels = ['sky', 'tree']", "sky, tree"),
    Case("annotated assignment", "labels: list[str] = ['sky', 'tree']", "sky, tree"),
    Case(
        "code fence",
        f"{FENCE}python\nlabels = ['sky', 'tree']\nprint(labels)\n{FENCE}",
        "sky, tree",
    ),
    Case("fence in one line", f'{FENCE}json ["sky", "tree"]{FENCE}', "sky, tree"),
    Case("fence never closed", f'{FENCE}json\n["sky", "tree"]', "sky, tree"),
    Case("tildes", "~~~\n['sky', 'tree']\n~~~", "sky, tree"),
    Case(
        "preamble and farewell",
        "Sure! Here is the list, as you asked:\n\n['sky', 'tree']\n\nI hope this helps!",
        "sky, tree",
    ),
    Case(
        "comments in the list",
        "[\n    'sky',  # blue, with clouds\n    'tree',  # on the left\n    'car' // red\n]",
        "sky, tree, car",
    ),
    Case("byte strings", "[b'sky', u'tree', r'grass']", "sky, tree, grass"),
    Case("nested", "['sky', ['tree', ['grass', ['road']]]]", "sky, tree, grass, road"),
    Case(
        "several lists", "Outside: ['sky', 'tree']\nInside: ['sofa', 'tv']", "sky, tree, sofa, tv"
    ),
    Case("pairs with scores", "[('sky', 0.98), ('tree', 0.7)]", "sky, tree"),
    Case("lists with scores", "[['sky', 0.98], ['tree', 0.7]]", "sky, tree"),
    Case("function call", "set(['sky', 'tree'])", "sky, tree"),
    Case("subscript is no list", "answer['labels'] = ['sky', 'tree']", "sky, tree"),
    Case("ellipsis", "['sky', 'tree', ...]", "sky, tree"),
    Case("ellipsis in quotes", "['sky', 'tree', '...']", "sky, tree"),
    Case("etc.", "['sky', 'tree', 'etc.']", "sky, tree"),
    Case("remarks", "['tree (background)', 'car (red, parked)']", "tree, car"),
    Case("remark in square brackets", "sky [blue], tree [green]", "sky, tree"),
    Case("counts in labels", "['2 cats', '3x car', 'tree x2']", "cats, car, tree"),
    Case("scores in labels", "['cat: 0.93', 'dog - 87%', 'tree=0.5']", "cat, dog, tree"),
    Case("numbered labels", "['1. cat', '2. dog']", "cat, dog"),
    Case(
        "names with numbers",
        "['boeing 747', 'route 66', '7-eleven']",
        "boeing 747, route 66, 7-eleven",
    ),
    Case("doings in one string", "['a dog, lying on the floor', 'bus, red']", "dog, bus, red"),
    Case("several in one string", "['cat, dog', 'tree and bush']", "cat, dog, tree and bush"),
    Case(
        "two names of one thing", "['sofa/couch', 'tv / television']", "sofa, couch, tv, television"
    ),
    Case("articles", "['a cat', 'the dog', 'An apple']", "cat, dog, apple"),
    Case("same label, other case", "['Cat', 'cat', 'CAT', 'cats']", "Cat, cats"),
    Case("snake case", "['dining_table', 'traffic_light']", "dining_table, traffic_light"),
    Case("spaces inside", "[ '  sky  ' ,\t'dining   table' ]", "sky, dining table"),
    Case("fullwidth punctuation", "［“天空”，“树木”］", "天空, 树木"),
    Case("empty list", "[]", EMPTY_LIST),
    Case("list of nothing", "[None, null, '', 'N/A', 'none']", EMPTY_LIST),
    Case("list of an empty list", "[[], [[]], {}]", EMPTY_LIST),
    Case("list of numbers", "[1, 2, 3.5, -7, 1e9]", EMPTY_LIST),
    Case("NaN and infinity", "[NaN, Infinity, -Infinity, nan, inf]", EMPTY_LIST),
    Case("labels among NaN", "['cat', NaN, 'dog', Infinity]", "cat, dog"),
    # --- JSON -----------------------------------------------------------------------------------
    Case("object with labels", '{"labels": ["sky", "tree"]}', "sky, tree"),
    Case("objects with scores", '[{"label": "sky", "score": 0.9}, {"label": "tree"}]', "sky, tree"),
    Case(
        "objects with names", '[{"id": 1, "name": "sky"}, {"id": 2, "name": "tree"}]', "sky, tree"
    ),
    Case(
        "boxes",
        '[{"bbox_2d": [1, 2, 300, 400], "label": "dog"}, {"bbox_2d": [0, 0], "label": "cat"}]',
        "dog, cat",
    ),
    Case("counts", '{"dog": 2, "cat": 1}', "dog, cat"),
    Case("scores of keys", '{"dog": 0.91, "cat": NaN}', "dog, cat"),
    Case("presence", '{"dog": true, "cat": null}', "dog, cat"),
    Case("descriptions of keys", '{"dog": "brown, on the sofa", "cat": "asleep"}', "dog, cat"),
    Case("attributes", '{"dog": {"color": "brown"}, "cat": {"count": 2}}', "dog, cat"),
    Case("places of boxes", '{"dog": [10, 20, 30, 40], "cat": [[1, 2], [3, 4]]}', "dog, cat"),
    Case("groups", '{"animals": ["dog", "cat"], "plants": ["tree"]}', "dog, cat, tree"),
    Case("nested groups", '{"scene": {"foreground": ["dog"], "background": ["sky"]}}', "dog, sky"),
    Case("numbers as keys", '{"1": "dog", "2": "cat", "object_3": "tree"}', "dog, cat, tree"),
    Case("one object", '{"label": "dog"}', "dog"),
    Case("labels in one string", '{"labels": "dog, cat, tree"}', "dog, cat, tree"),
    Case("thoughts as a key", '{"reasoning": "I see a dog", "labels": ["dog"]}', "dog"),
    Case("no quotes at all", "{labels: [sky, tree]}", "sky, tree"),
    Case("Python dictionary", "{'sky': True, 'tree': None}", "sky, tree"),
    Case("JSON lines", '{"label": "sky"}\n{"label": "tree"}\n', "sky, tree"),
    Case("JSON in a JSON string", '"[\\"sky\\", \\"tree\\"]"', "sky, tree"),
    Case("escaped letters", '["caf\\u00e9", "\\u732b", "\\ud83d\\udc31 cat"]', "café, 猫, cat"),
    Case("escaped line end in a string", '["dining\\ttable", "tree\\\\s"]', "dining table"),
    Case("half a surrogate escape", '["cat\\ud83d", "dog\\udc31"]', "cat, dog"),
    Case("error object", '{"error": "no image", "code": 400}', EMPTY_LIST),
    Case("schema instead of values", '{"labels": []}', EMPTY_LIST),
    Case("chat completion", '{"choices": [{"message": {"content": "sky"}}]}', EMPTY_LIST),
    Case("keys without values", '{"sky": , "tree": , "car":}', "sky, tree, car"),
    Case("trailing commas", '{"labels": ["sky", "tree",],}', "sky, tree"),
    # --- cut off --------------------------------------------------------------------------------
    Case("cut in a string", '["sky", "tree", "traffic li', "sky, tree"),
    Case("cut in a string, known", '["sky", "tree", "traffic li', "sky, tree", True),
    Case("cut behind a string", '["sky", "tree"', "sky, tree", True),
    Case("cut behind a comma", "['sky', 'tree',", "sky, tree", True),
    Case("cut without quotes", "[sky, tree, traf", "sky, tree"),
    Case("cut without brackets", "sky, tree, traf", "sky, tree", True),
    Case("cut lines", "1. sky\n2. tree\n3. traf", "sky, tree", True),
    Case("cut behind a line", "- sky\n- tree\n", "sky, tree", True),
    Case("cut in a number", "1. sky\n2. tree\n3", "sky, tree", True),
    Case("cut in a key", '{"sky": 1, "tree": 2, "ca', "sky, tree"),
    Case("cut in a value", '{"sky": 1, "tree": 0.', "sky, tree", True),
    Case("cut in an object", '[{"label": "sky", "score": 0.9}, {"label": "tr', "sky"),
    Case("cut in an escape", '["sky", "caf\\u00', "sky"),
    Case("cut in the first label", "['sk", CUT_OFF),
    Case("cut at the bracket", "[", CUT_OFF, True),
    Case("cut in a sentence", "The image contains a sky, a tree and a ben", "sky, tree", True),
    Case("cut in an explanation", "['sky', 'tree']\n\nThese labels wer", "sky, tree", True),
    Case("one word cut", "traf", CUT_OFF, True),
    Case("cut in the fence", f"{FENCE}python\n['sky', 'tree', 'gr", "sky, tree", True),
    # --- repeats and size -----------------------------------------------------------------------
    Case("endless repeats", "['sky', 'tree', " + "'sky', " * 5000, "sky, tree", True),
    Case("endless lines", "- sky\n" * 5000, "sky"),
    Case("endless word", "cat " * 5000, "cat"),
    Case("two words in turn", "['cat', 'dog', " * 3000, "cat, dog"),
    Case("same sentence again", "There is a cat. " * 200, "cat"),
    Case("10 MB of one label", "'cat', " * 1_500_000, "cat"),
    Case("10 MB of spaces", " " * 10_000_000, EMPTY),
    Case("10 MB before the list", "x" * 10_000_000 + "['cat']", CUT_OFF),
    Case("10 MB after the list", "['cat', 'dog']" + "\n" * 10_000_000, "cat, dog"),
    Case("100,000 brackets", "[" * 100_000 + "'cat'" + "]" * 100_000, "cat"),
    Case("100,000 brackets left open", "[" * 100_000, EMPTY_LIST),
    Case("100,000 braces", '{"a":' * 100_000, CUT_OFF),
    Case("brackets and braces in turn", '[{"labels":' * 10_000 + '"cat"', "cat"),
    Case("closing brackets only", "]" * 100_000 + "cat", "cat"),
    Case("a word of 5,000 letters", "['cat', '" + "a" * 5000 + "', 'dog']", "cat, dog"),
    Case("a label of nine words", "['cat', 'one two three four five six seven eight nine']", "cat"),
)
