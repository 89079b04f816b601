"""Opens the report in Chromium, clicks in it, and checks what is shown:
check.py SMALL.html LARGE.html EMPTY.html [SCREENSHOTS]"""

import pathlib
import sys

from browser import browser

READY = "return document.documentElement.dataset.ready"
LOAD_LIMIT = 2000  # milliseconds


def same(seen, wanted):
    assert seen == wanted, f"{seen!r} is shown, and not {wanted!r}"


def ids(window):
    return window.run("return [...document.querySelectorAll('.row')].map((row) => row.dataset.id)")


def small(window):
    same(window.text("h1"), "Build for x86-64-v3")
    same(window.text("#shown"), "7 of 7 calls")
    cards = dict(zip(window.texts(".card span"), window.texts(".card b")))
    for name, number in {"calls": "7", "compiles": "3", "links": "1", "probes": "1", "failed": "1", "demoted": "1"}.items():
        same(cards[name], number)
    same(window.run("return performance.getEntriesByType('resource').map((one) => one.name)"), [])

    # A filter: a kind, then one more, then none.
    window.click("[data-kind=link]")
    same(ids(window), ["03"])
    window.click("[data-kind=query]")
    same(ids(window), ["03", "04"])
    window.click("[data-kind=link]")
    window.click("[data-kind=query]")
    same(len(ids(window)), 7)
    for css, wanted in [("#failed", ["05"]), ("#demoted", ["06"]), ("#rewritten", ["01"])]:
        window.click(css)
        same(ids(window), wanted)
        window.click(css)
    choose = """const one = document.querySelector(arguments[0]); one.value = arguments[1];
                one.dispatchEvent(new Event('change'))"""
    for css, value, wanted in [("#probe", "yes", ["02"]), ("#rule", "march-native", ["01"]), ("#rule", "higher", ["01"])]:
        window.run(choose, css, value)
        same(ids(window), wanted)
        window.run(choose, css, "")
    # Text is looked for in files and in arguments.
    for text, wanted in [("x.so", ["03"]), ("-march=native", ["01"]), ("no such thing", [])]:
        window.type("#text", text)
        window.wait("return document.getElementById('shown').textContent.startsWith(arguments[0])", f"{len(wanted)} of")
        same(ids(window), wanted)
        window.run("reset()")

    # Of many inputs one is named, so that what is made of them has room; what has no files shows its arguments.
    same(window.texts("[data-id='03'] .what"), ["cc a.o +4 → x.so"])
    same(window.texts("[data-id='04'] .what"), ["cc --version"])

    # A call: what was changed, by which rule, and why.
    window.click("[data-id='01']")
    same(window.texts(".args .gone"), ["-march=native\nmarch-native"])
    same(window.texts(".args .new"), ["-march=x86-64-v3\nlevel"])
    detail = window.text("#detail")
    for wanted in ["level: the level is a floor", "march-native: names the builder", "higher: stays for dispatch",
                   "'-DX=a b'", "/w/src", "CFLAGS", "'-O2 -g'"]:
        assert wanted in detail, f"{wanted} is not in {detail}"
    same(window.run("return location.hash"), "#01")
    window.click(".close")
    same(window.run("return document.getElementById('detail').hidden"), True)

    # The call that failed is not hidden by a filter when it is asked for from elsewhere.
    window.click("[data-id='05']")
    assert "exit 1" in window.text("#detail h2")

    # What a record holds is never markup.
    window.click("[data-id='07']")
    detail = window.text("#detail")
    for wanted in ["</script><img src=x onerror=alert(1)>", r"$'\x1b[31m\xff'"]:
        assert wanted in detail, f"{wanted} is not in {detail}"
    same(window.run("return document.images.length"), 0)

    # Warnings, and the way from one to its call.
    window.click("#tab-warnings")
    same(window.texts(".row .badge"), ["demote"])
    window.click(".row")
    detail = window.text("#detail")
    for wanted in ["-Wunused-variable", "unused variable 'x'", "/w/src/a.c:3:5", "ran the call once more"]:
        assert wanted in detail, f"{wanted} is not in {detail}"
    window.click(".link")
    assert "second try without -werror" in window.text("#detail").lower()

    # The timeline: a click on the first slice chooses the first call.
    window.run("reset(); choose(null, null)")
    window.run("""const canvas = document.querySelector('canvas'), box = canvas.getBoundingClientRect();
        const at = { clientX: box.left + 3, clientY: box.top + AXIS + 4, pointerId: 1, bubbles: true };
        canvas.setPointerCapture = () => {};
        for (const type of ['pointerdown', 'pointerup']) canvas.dispatchEvent(new PointerEvent(type, at));""")
    same(window.texts(".row[aria-selected=true] .what"), ["cc a.c → a.o"])

    # The arrow keys go through the list, and leave the details alone.
    press = "document.querySelector(arguments[0]).dispatchEvent(new KeyboardEvent('keydown', { key: arguments[1], bubbles: true }))"
    window.run(press, "#list", "ArrowDown")
    same(window.run("return location.hash"), "#02")
    window.run(press, "#detail", "ArrowDown")
    same(window.run("return location.hash"), "#02")
    window.run(press, "body", "Escape")
    same(window.run("return document.getElementById('detail').hidden"), True)

    # What cannot be seen is spelled out.
    same(window.run("return quoted('a\\u202eb\\u2028')"), r"$'a\xe2\x80\xaeb\xe2\x80\xa8'")
    same(window.errors(), [])


def narrow(window):
    """On a telephone the list still says what each call is of, and a choice brings its details into sight."""
    window.size(400, 800)
    window.run("reset(); choose(null, null); scrollTo(0, 0)")
    what = window.run("const box = document.querySelector('.what').getBoundingClientRect(); return [box.left, box.right]")
    assert what[1] - what[0] > 100 and what[1] <= 400, what
    same(window.run("return document.documentElement.scrollWidth"), 400)
    window.run("document.querySelector('.row').click()")
    window.wait("return document.querySelector('#detail h2').getBoundingClientRect().bottom < innerHeight")


def large(window):
    ready = int(window.wait(READY))
    print(f"20,000 calls are shown after {ready} ms")
    assert ready < LOAD_LIMIT, f"it takes {ready} ms"
    same(window.text("#shown"), "20,000 of 20,000 calls")
    assert len(ids(window)) < 100, "only the rows that are seen are made"
    window.run("const list = document.getElementById('list'); list.scrollTop = list.scrollHeight")
    window.wait("return [...document.querySelectorAll('.row')].some((row) => row.dataset.id === arguments[0])", "000000019999")
    took = window.run("""const start = performance.now(); choose('call', 12345);
        return [performance.now() - start, document.querySelector('#detail h2').textContent]""")
    print(f"the first call is shown in {took[0]:.0f} ms")
    assert took[0] < LOAD_LIMIT and "12345.o" in took[1], took


def empty(window):
    window.wait(READY)
    same(window.text("#shown"), "0 of 0 calls")
    window.click("#tab-warnings")
    same(window.text("#shown"), "0 of 0 warnings")
    assert "was not kept" in window.text("#none")
    window.click("#tab-calls")
    same(window.text("#none"), "No tool was called through the shim.")
    same(window.run("return document.getElementById('timeline').hidden"), True)
    same(window.errors(), [])


def main():
    pages = [pathlib.Path(page).resolve().as_uri() for page in sys.argv[1:4]]
    shots = pathlib.Path(sys.argv[4]) if len(sys.argv) > 4 else None
    with browser() as window:
        window.open(pages[0])
        window.wait(READY)
        small(window)
        if shots:
            window.screenshot(shots / "small.png")
        narrow(window)
        window.open(pages[2])
        empty(window)
    with browser() as window:
        window.open(pages[1])
        large(window)
        if shots:
            window.screenshot(shots / "large.png")


main()
