"""Words that the chunker of captions knows: grammar, verbs, and nouns that name no thing."""

from __future__ import annotations

from annotator.core.replies_text import words_of

#: What a phrase can begin after.
DETERMINERS = words_of("""
    a an the this that these those his her its their my your our some any each every both all
    another other no one two three four five six seven eight nine ten eleven twelve dozen dozens
    several many few various multiple numerous different single
""")
#: How many or how much: they end a phrase and stay out of the next one.
QUANTITIES = words_of("""
    half whole entire more most much less least enough first second third last next same only own
""")
#: Words of grammar end a phrase.
GRAMMAR = words_of("""
    about above across after against along alongside amid amidst among amongst around as at atop
    away because before behind below beneath beside besides between beyond but by despite down
    during except for from in inside into like near nearby of off on onto opposite out outside over
    past per since than through throughout till to together toward towards under underneath until
    up upon via while with within without and or nor so yet if when where which who whom whose what
    why how there here it he she they we you i me him them us himself herself itself themselves is
    are was were be been being am has have had having do does did doing can't could will would
    shall should may might must not n't very too also just still quite rather really almost even
    ever never always often again then now perhaps maybe apparently something someone anything
    anyone everything everyone nothing nobody somewhere s t etc such ahead apart aside forward
    forwards backward backwards upward upwards downward downwards outdoors indoors overhead alone
    ready able visible available present else well upside close high low far
""")
#: Nouns that name nothing to point at.
NO_THINGS = words_of("""
    picture pictures image images photo photos photograph photographs photography shot shots
    background backgrounds foreground side sides front back top bottom middle center centre corner
    corners edge end ends left right couple couples group groups lot lots bunch kind kinds type
    types sort sorts view views scene scenes setting close-up closeup variety number numbers pair
    pairs piece pieces part parts area areas distance way ways day days time times morning
    afternoon evening night air midair mid-air color colors colour colours style styles others ones
    set sets series row rows collection array assortment mixture mix amount plenty handful place
    places spot surroundings surrounding environment atmosphere focus range space spaces thing
    things object objects item items stuff position direction angle level height use form shape
    shapes line lines fashion sense feeling display show detail details case event activity action
    game match moment year years season spring fall winter summer weather sunlight daylight
    black-and-white caption description label labels list overall north south east west rest point
    nature look looks appearance design presence life world work play fun love interest contrast
    addition size order
""")
#: Things one can point at, which WordNet lists as groups, signals, acts or times.
THINGS = words_of("""
    people crowd family sign signs tv television televisions tvs forest forests woods village
    intersection court courts post posts poster posters pot pots van vans reflection reflections
    sunset sunrise moon parade logo logos team letters herd flock stand
    stands
""")
#: Words that describe, which WordNet lists as nouns too: they head no phrase.
ADJECTIVES = words_of("""
    black white red green blue yellow brown orange grey gray pink purple silver gold golden beige
    tan dark bright pale big small large little huge tiny tall short long wide narrow old young new
    elderly adult male female wooden empty full open closed public modern antique vintage colorful
    colourful striped plaid floral dirty clean dry wet cold hot warm busy quiet clear cloudy sunny
    snowy rainy grassy rocky sandy dusty foggy beautiful pretty cute happy sad nice good fresh raw
    cooked ripe round square flat thick thin heavy soft hard sharp smooth rough shiny calm
    residential urban rural local professional military double fluffy furry hairy fat skinny blonde
    blond brunette bald asian european african american french english italian german chinese
    japanese indian outdoor indoor upper lower rear main
""")
#: Verbs of captions: forms that are nouns too, then irregular ones.
VERBS = words_of("""
    stand stands sit sits ride rides walk walks run runs hold holds look looks watch watches play
    plays jump jumps fly flies lie lies lay lays rest rests hang hangs eat eats drink drinks wear
    wears carry carries lean leans pose poses cross crosses drive drives swim swims skate skates
    ski skis surf surfs swing swings throw throws catch catches hit hits kick kicks pull pulls push
    pushes cut cuts cook cooks prepare prepares serve serves sleep sleeps smile smiles talk talks
    sell sells wait waits work works go goes come comes get gets take takes make makes put puts
    show shows contain contains include includes feature features depict depicts cover covers fill
    fills line lines face faces reach reaches lead leads pass passes move moves travel travels
    float floats sail sails graze grazes feed feeds climb climbs perform performs read reads use
    uses try tries appear appears seem seems overlook overlooks surround surrounds see sees say
    says park parks gather gathers enjoy enjoys point points turn turns capture captures display
    displays adorn adorns create creates add adds give gives
""")
PAST_VERBS = words_of("""
    stood sat rode ran held flew hung ate drank wore drove swam threw caught took made went came
""")
#: Plurals without an s.
PLURALS = words_of("""
    people men women children sheep cattle police kids geese deer mice feet teeth
""")
#: Irregular participles: they describe a noun that follows, else end a phrase.
PARTICIPLES = words_of("""
    worn held seen made laid hung sat stood built broken grown taken shown eaten written drawn
    given thrown driven ridden set lit spread stuck torn bent frozen hidden fallen sunken left
    dressed parked filled covered topped used tied placed
""")
#: Words in -ing or -ed that are things.
NOUNS_LIKE_VERBS = words_of("""
    building buildings painting paintings clothing ceiling ceilings railing railings awning string
    strings ring rings king wing wings lightning wedding crossing icing pudding stocking bedding
    carving drawing drawings etching covering sling swing sibling duckling dumpling dumplings
    offspring seaweed opening siding paving flooring scaffolding earring earrings
""")
