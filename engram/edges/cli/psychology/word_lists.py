"""The 36 word lists of Stadler, Roediger and McDermott 1999, and the word that each is about.

From the appendix of "Norms for word lists that create false memories", Memory & Cognition 27.
"""

from __future__ import annotations

from typing import Final

_LISTS: Final = """
anger: mad fear hate rage temper fury ire wrath happy fight hatred mean calm emotion enrage
army: Navy soldier United_States rifle Air_Force draft military Marines march infantry captain war
  uniform pilot combat
black: white dark cat charred night funeral color grief blue death ink bottom coal brown gray
bread: butter food eat sandwich rye jam milk flour jelly dough crust slice wine loaf toast
car: truck bus train automobile vehicle drive jeep Ford race keys garage highway sedan van taxi
chair: table sit legs seat couch desk recliner sofa wood cushion swivel stool sitting rocking
  bench
city: town crowded state capital streets subway country New_York village metropolis big Chicago
  suburb county urban
cold: hot snow warm winter ice wet frigid chilly heat weather freeze air shiver Arctic frost
cup: mug saucer tea measuring coaster lid handle coffee straw goblet soup stein drink plastic sip
doctor: nurse sick lawyer medicine health hospital dentist physician ill patient office
  stethoscope surgeon clinic cure
flag: banner American symbol stars anthem stripes pole wave raised national checkered emblem sign
  freedom pendant
foot: shoe hand toe kick sandals soccer yard walk ankle arm boot inch sock knee mouth
fruit: apple vegetable orange kiwi citrus ripe pear banana berry cherry basket juice salad bowl
  cocktail
girl: boy dolls female young dress pretty hair niece dance beautiful cute date aunt daughter
  sister
high: low clouds up tall tower jump above building noon cliff sky over airplane dive elevate
king: queen England crown prince George dictator palace throne chess rule subjects monarch royal
  leader reign
lion: tiger circus jungle tamer den cub Africa mane cage feline roar fierce bears hunt pride
man: woman husband uncle lady mouse male father strong friend beard person handsome muscle suit
  old
mountain: hill valley climb summit top molehill peak plain glacier goat bike climber range steep
  ski
music: note sound piano sing radio band melody horn concert instrument symphony jazz orchestra art
  rhythm
needle: thread pin eye sewing sharp point prick thimble haystack thorn hurt injection syringe
  cloth knitting
pen: pencil write fountain leak quill felt Bic scribble crayon Cross tip marker red cap letter
river: water stream lake Mississippi boat tide swim flow run barge creek brook fish bridge winding
rough: smooth bumpy road tough sandpaper jagged ready coarse uneven riders rugged sand boards
  ground gravel
rubber: elastic bounce gloves tire ball eraser springy foam galoshes soles latex glue flexible
  resilient stretch
shirt: blouse sleeves pants tie button shorts iron polo collar vest pocket jersey belt linen cuffs
sleep: bed rest awake tired dream wake snooze blanket doze slumber snore nap peace yawn drowsy
slow: fast lethargic stop listless snail cautious delay traffic turtle hesitant speed quick
  sluggish wait molasses
smell: nose breathe sniff aroma hear see nostril whiff scent reek stench fragrance perfume salts
  rose
smoke: cigarette puff blaze billows pollution ashes cigar chimney fire tobacco stink pipe lungs
  flames stain
soft: hard light pillow plush loud cotton fur touch fluffy feather furry downy kitten skin tender
spider: web insect bug fright fly arachnid crawl tarantula poison bite creepy animal ugly feelers
  small
sweet: sour candy sugar bitter good taste tooth nice honey soda chocolate heart cake tart pie
thief: steal robber crook burglar money cop bad rob jail gun villain crime bank bandit criminal
trash: garbage waste can refuse sewage bag junk rubbish sweep scraps pile dump landfill debris
  litter
window: door glass pane shade ledge sill house open curtain frame view breeze sash screen shutter
"""


def _read() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for part in _LISTS.strip().replace("\n  ", " ").splitlines():
        lure, _, words = part.partition(": ")
        found[lure] = tuple(word.replace("_", " ") for word in words.split())
    return found


LISTS: Final = _read()
"""By the word that is not on it, the fifteen words of each list, the closest first."""
