"""Words that a full stop stands after within a sentence, by what may follow them. Pure.

All languages are in one table: texts mix them, and what is short for something in one is seldom a word in another.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from apps.documents.languages import STOP_WORDS


class Kind(StrEnum):
    """What follows an abbreviation within its sentence."""

    ALWAYS = "always"
    """Whatever it is: none ends a sentence with it."""
    NUMBERS = "numbers"
    """A number, such as a page's; it is a common word, too, and ends a sentence before anything else."""
    NAMES = "names"
    """All but a word that sentences begin with."""
    LISTS = "lists"
    """Nothing that begins with a capital: they close an enumeration, and mostly a sentence."""
    HOURS = "hours"
    """A day, a month or a time zone."""


_SHORT: Mapping[Kind, str] = {
    Kind.NAMES: (
        "sect eq eqs pp vol vols chap para paras pts ref refs nr nrs núm num n.º nº n° eds trans ver rev ext dept bldg "
        "apt ave blvd rd hwy jct sq ste ph inc ltd co corp bros plc llc l.l.c assn intl natl univ mfg jr esq ph.d m.d "
        "b.a m.a m.sc b.sc ll.m j.d et.al et.c usw u.a u.ä usf u.s.w o.ä o.dgl dgl u.dgl ff e.v e.u a.d i.r i.a i.v p.a "
        "b.w n.chr v.chr a.c d.c b.c c.e b.c.e std sek stk mio mrd tsd jh jhd jhdt hg hrsg verf bearb übers fa fam hbf "
        "bhf lkr kr gde og ug whg zi jan feb febr apr jun jul aug sep sept oct okt nov dec dez déc mrz jän janv févr avr "
        "juil août ene abr dic giu lug ott fev abril mai янв февр фев апр авг сент сен окт нояб дек mon tue tues thu "
        "thur thurs fri av ét fbg tél hab ee.uu rr.hh dpto depto avda ctra izq dcha prov s.p.a s.r.l s.r.o p.za v.le c.so "
        "b.v n.v m.n blz afd gem kl d.d a/s st o.s.v m.m t.h m.v klo n:o puh wyd sp pow gm pon wt śr czw kč tř čl "
        "odst písm kb u.n köt vd cad sok mah bul tp tt гг вв мин сек руб коп тыс млн млрд шт экз и.о и.т.д чел грн год лв "
        "бр в.о π.μ μ.μ π.χρ μ.χ κα κος δρ कि.मी ई.पू किमी रु พ.ศ ค.ศ กม กก ซม บจก หจก เบอร์ โทร ق.م هـ ص.ب ه.ش ه.ق ե.ի "
        "მ.შ ე.ი max min rep sen hon eng coll env betr verh ft abbr geom tgl hlm yy med phil jur rer nat habil h.c ee "
        "sched encl attn govt tech yrs mos oz pkg qty wk "
    ),
    Kind.NUMBERS: (
        "no nos art arts fig figs in set sun sat wed may mar ago mag abs par al ap lit let ed op bd bds tab abb anm kap "
        "ziff rn rz str ex app ch sec pos lot tel fax pag pág págs p.m.a cap кн ст пп стр гл рис табл кв корп оф эт hal "
        "fol pt ust ods lok poz zał godz bis von ora ore עמ رقم mind out ret "
    ),
    Kind.ALWAYS: (
        "dr mr mrs ms mx messrs prof gen col lt capt cpt sgt maj cmdr adm gov fr hr frl mme mlle mgr sr sra srta dra dña "
        "dott ssa sig sigg sig.ra dott.ssa prof.ssa avv ing dhr mevr mw drs ir bpk sdr univ.-prof dipl.-ing dipl exmo "
        "exma mudr judr phdr проф акад инж доц канд г-н г-жа гр тов им ген полк инд пр-т डॉ प्रो श्रीमती पं श्री सुश्री "
        "डा ডা মো অধ্যাপক திரு திருமதி டாக்டர் డా శ్రీ ಡಾ ഡോ ડૉ ਡਾ ดร นพ พญ รศ ผศ e.g i.e eg ie cf viz vs v.s approx ca "
        "cca circa incl excl resp esp mt z.b d.h u.a.m u.u i.d.r i.v.m i.d.f i.s.d i.s.v m.w.n o.g s.o s.u u.d z.t z.zt "
        "z.hd bzw bspw beisp vgl ggf evtl ggü inkl exkl einschl ausschl zzgl abzgl sog insb insbes vorauss höchst "
        "durchschn zzt bez geb gest städt staatl gegr wg entspr etw zw d.gr d.j d.ä p.ex cie s.v.p c.-à-d réf éd p.ej "
        "aprox fdo d.lgs d.m d.p.r d.l bijv d.w.z m.a.w o.a t.o.v t.w.v i.p.v a.d.h.v m.b.t o.l.v bl.a f.eks t.ex s.k "
        "d.v.s m.fl dvs fx bla jf ift evt t.o.m fr.o.m o.dyl esim ks tms mm.muassa np tzn tj tzw m.in zob ul pl św bp "
        "abp např tzv popř příp nám sv ún szt örn bkz jl т.е т.к т.н напр см ср т.наз ул пл пер пр просп бул буд вул пров "
        "обл р-н π.χ δηλ βλ πρβλ αρ σελ λεωφ मि "
    ),
    Kind.LISTS: "etc ecc enz osv itd itp atd apod т.д т.п др κ.λπ κ.ά κλπ vb dll dst dsb stb ა.შ",
    Kind.HOURS: "a.m p.m",
}  # fmt: skip

ABBREVIATIONS: Mapping[str, Kind] = {word: kind for kind, words in _SHORT.items() for word in words.split()}
"""By what stands before the full stop, case folded and without the spaces within it."""

_MONTHS = (
    "january february march april may june july august september october november december "
    "januar jänner februar feber märz mai juni juli oktober dezember "
    "janvier février mars avril juin juillet août septembre octobre novembre décembre "
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre "
    "gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre "
    "janeiro fevereiro março maio junho julho setembro outubro novembro dezembro "
    "januari februari maart mei augustus marts maj "
    "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık"
)  # fmt: skip
MONTHS = frozenset(_MONTHS.split())

_DAYS_AND_ZONES = (
    "monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays sundays "
    "eastern pacific central mountain greenwich gmt utc est edt cst cdt mst mdt pst pdt cet cest bst ist eet"
)
AFTER_HOURS = MONTHS | frozenset(_DAYS_AND_ZONES.split())

_BEGINNINGS = (
    "however please after before during since while all some many each every yes also next here now today under because although "
    "another both most only other several soon later thus hence therefore its until upon within without once then "
    "danach bitte dann hier jetzt heute alle jeder jede jedes beide dort dabei damit deshalb trotzdem später zuerst weitere "
    "außerdem seit nun dazu dafür daher zudem wegen dennoch schon weiterhin hierzu je man "
    "après avant depuis pendant tous chaque ainsi puis ensuite cependant "
    "después además todos cada luego antes este "
    "dopo prima ogni tutti inoltre poi depois antes todos cada além "
    "daarna ook elke alle daarom "
    "после затем все каждый его это также потом здесь там однако поэтому для "
    "він вона вони це після також потім і в на за "
    "ako pak potom poté je v na "
    "to jest w na po "
)

_OF_NAMES = "van von de da di du la le del della dos das ten ter el al bin ben"

STARTERS = (frozenset().union(*STOP_WORDS.values()) | frozenset(_BEGINNINGS.split())) - frozenset(_OF_NAMES.split())
"""Words that sentences begin with and names do not, case folded."""

VERBS_OF_ONE_SYLLABLE = frozenset(("है", "हैं", "था", "थी", "थे", "थीं", "हो", "दो", "लो", "जा", "छे", "આ", "છે"))
"""They look like the letter of a name before a full stop, and end sentences."""
