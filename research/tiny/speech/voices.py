"""The voices of espeak-ng and their split: some never occur in the pretraining.

Convention: a voice is the name of a variant's file. espeak-ng silently uses its plain voice
if it doesn't know a name, so `check_voices` compares with its list first.
"""

import subprocess

ACCENTS = {
    "en-us": 0.36,
    "en-gb": 0.2,
    "en-gb-x-rp": 0.1,
    "en-gb-scotland": 0.1,
    "en-gb-x-gbclan": 0.06,
    "en-gb-x-gbcwmd": 0.06,
    "en-029": 0.06,
    "en-us-nyc": 0.06,
}
_LEARNED = """
adam Alex Andy anika antonio AnxiousAndy benjamin boris caleb Denis Diogo ed edward edward2 f1 f5
Gene Gene2 grandpa gustave Henrique iven iven2 iven3 iven4 Jacky kaukovalta klatt klatt2 klatt4
klatt5 Lee m1 m4 m8 marcelo Mario max Michael michel Mike Nguyen norbert pablo pedro quincy
RicishayMax2 RicishayMax3 robert sandro shelby steph3 Storm travis zac
"""
_HELD_OUT = "Alicia belinda f3 grandma Hugo john klatt3 m2 m7 miguel paul steph2"
_DEMO = "Andrea Annie aunty david f2 f4 linda m3 m5 m6 Marco rob steph victor"

LEARNED_VOICES = tuple(_LEARNED.split())
HELD_OUT_VOICES = tuple(_HELD_OUT.split())
DEMO_VOICES = tuple(_DEMO.split())


def check_voices(names: tuple[str, ...]) -> None:
    """Raises ValueError if the installed espeak-ng lacks one of the voices."""
    listing = subprocess.run(
        ["espeak-ng", "--voices=variant"], capture_output=True, text=True, check=True
    ).stdout
    known = {line.partition("!v/")[2].split("  ")[0].strip() for line in listing.splitlines()}
    missing = sorted(set(names) - known)
    if missing:
        raise ValueError(f"espeak-ng does not have these voices: {', '.join(missing)}")
