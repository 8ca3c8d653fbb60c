"""The words that `tiny:speech` learns, and those that it must never have heard.

Convention: digits, the words of the benchmarks and those of `kerastl demo wake-word` are kept out
of pretraining, and so are the held-out words, by which its settings are chosen.
"""

_LEARNED = """
about above across action after again air airport alarm album alpha always amber angel animal answer
apple april arrow artist autumn baby balance balloon banana basket battery beach bear beauty become
bedroom before begin behind better bicycle bird blanket blood blue boat book border bottle bottom
bread breakfast bridge bright broken brother brown bucket building butter button cabin camera candle
captain carpet castle cat chair change cheese cherry chicken child choice church circle city clean
clock cloud coffee cold color common copper corner cotton country cousin cradle crystal curtain
dance danger daughter diamond dinner doctor dog door dragon dream early earth easy echo edge effort
empty engine evening every eye fabric face family famous farmer father feather fever field finger
fire fish flower follow forest forward freedom friend frog fruit future galaxy garden gentle giant
glass golden grandma gravity green guitar hammer happy harbor heart heavy hello history holiday
honey horse house hundred hungry husband ice idea image insect island jacket january journey judge
juice jump jungle key kitchen kitten knife labor ladder language laugh learn leather lemon letter
library light listen little lizard lucky lunch machine magic market measure melody message middle
milk mirror money monkey moon morning mother mountain mouse mouth music nature needle neighbor never
night noise north nothing number object ocean office onion orange orchard oven over paper parent
people pepper perfect picture pillow planet please pocket power pretty prince promise purple
question quiet rabbit radio rain ready reason river robot rocket room rubber sailor salad sandwich
school shadow shoulder silver simple sister sleep smoke snow song spoon spring square station story
street strong sugar summer table thank thunder tiger together tomorrow travel treasure tree under
valley vehicle village violin visit voice water weather welcome window winter wonder yellow yes
young
"""
_HELD_OUT = "apricot believe cactus dolphin elbow garage hobby lion morsel pigeon shiver wagon"
_EVALUATED = """
zero one two three four five six seven eight nine ten eleven seventeen won to too for ate oh
open start stop close record previous next up down zoom left right enable disable go
"""
_DEMO = "computer jupiter marigold"
_DEMO_OTHERS = "commuter juniper marathon telephone saturday lavender potato elephant"

WORDS = tuple(_LEARNED.split())
HELD_OUT_WORDS = tuple(_HELD_OUT.split())
EVALUATED_WORDS = tuple(_EVALUATED.split())
DEMO_WORDS = tuple(_DEMO.split())
DEMO_OTHER_WORDS = tuple(_DEMO_OTHERS.split())
