"""Names that don't say in what encoding they are, such as those of files in a ZIP archive. Imports nothing heavy.

A name is too short for the statistics of a text, so what counts is whether its letters are common ones of a language, and
whether they make words: letters of one script, capitals only where words have them.
"""

from __future__ import annotations

import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence

from apps.documents.parsing.guessing import LATIN_LETTERS, LEVEL_ONE

UTF8_FLAG = 0x800
# How zipfile reads names when nothing says that they are UTF-8; each byte has a character in it.
OLD_NAMES = "cp437"
UNICODE_PATH = 0x7075
LEAST_RATING = 0.5
# What the other names of the archive count beside the name itself: most archives are in one encoding.
SHARE_OF_OTHERS = 0.15
MOST_NAMES = 1_000
COMMON, KNOWN, RARE = 1.0, 0.75, 0.1
# Signs that stand in a word only where it is read wrongly.
_ODD = re.compile(r"(?<=[^\W\d_])[·®©§¡«»\\](?=[^\W\d_])|\\\Z")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")
_WORD = re.compile(r"[^\W\d_]+")
_CYRILLIC = frozenset("абвгдежзийклмнопрстуфхцчшщъыьэюяёєіїґўђјљњћџ")
_GREEK = frozenset("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ")
_COMMON_LETTERS = {_CYRILLIC: frozenset("оеаинтсрвлкмдпугзбья"), _GREEK: frozenset("αοιετσνηυρπκλμ")}
_SIGNS = frozenset(" «»„“”‚‘’–—…·°§€£©®№¿¡´　、。（）「」『』【】《》〈〉・～＿－＋＆！，：；")
# The commonest characters of running text and of the names of files.
_SIMPLIFIED = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经"
    "么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知"
    "全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度"
    "门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务"
    "做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记"
    "南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运笔录合同发票手册安装操作指南说明财务报表年度计划"
    "会议纪要通知客户订单采购价格目录简历照片培训测试项目附件考勤工资人员名单清单总结需求文档值班停电新建文件夹北京上海分公司"
)
_TRADITIONAL = frozenset(
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作里用道行所然家種事成方多經"
    "麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心她本前開但因只從想實日軍者意無力它與長把機十民第公此已工使情明性知"
    "全三又關點正業外將兩高間由問很最重並物手應戰向頭文體政美相見被利什二等產或新己制身果加西月話合回特代內信表化老給世位次度門"
    "任常先海通教兒原東聲提立及比員解水名真論處走義各入幾口認條平系氣題活更別打女變四神總何電數安少報才結反受目太量再感建務做接"
    "必場件計管期市直德資命山金指許統區保至隊形社便空決治展馬科司五基書非則聽白界達光放強即難權思王象完設式色路記南品住告類求據"
    "程北邊張該交規萬取格望術領共確傳師觀清今議錄價單約票冊務財報專案台照片請假客戶履歷表操指目知訓練教材附說明使用度計畫"
)
_KANJI = frozenset(
    "日一国人年大十二本中長出三時行見月分後前生五間上東四今金九入学高円子外八六下来気小七山話女北午百書先名川千水半男西電校語土"
    "木聞食車何南万毎白天母火右読友左休父雨会同事自社発者地業方新場員立開手力問代明動京目通言理体田主題意不作用度強公持野以思家"
    "世多正安院心界教文元重近考画海売知道集別物使品計死特私始朝運終台広住無真有口少町料工建空急止送切転研足究楽起着店病質待試族"
    "銀早映親験英医仕去味写字答夜音注帰古歌買悪図週室歩風紙黒花春赤青館屋色走秋夏習駅洋旅服夕借曜飲肉貸堂鳥飯勉冬昼茶弟牛魚兄"
    "犬妹姉漢資報告契約請求見積議事録予算案内部課長総務経理設計納品就業規則休暇届申込時刻表名簿員取扱説明安全手引出張章"
)
_HANGUL = frozenset(
    "이다는을에의가고하지로를한기사도리어나자정대인스시은서일그아보상있해부과수장구제여주전니공원동국들만모관성비조게소적안면신분요산식"
    "회방드계생선문출업할연유거무경당물학단세타치발트내행중진교년민등통마간위실와오며작재결까음용러우라려양각화것월건미노터입개저바체"
    "약직금영표품운명역심불호설차현법포감독본강반남종두집청추린합토남급최책편류련처확질환후축증총특평초복투향형접담록률권념습준검번절"
    "점임달력별북울견뉴매송데명목폴더새첨격트육료참석존귀족쇼핑몰답홍앞뒤봄겨옷값끝삼팀"
)


def archive_names(archive: zipfile.ZipFile) -> Callable[[zipfile.ZipInfo], str]:
    """What tells the name of each file in the archive."""
    raw = [entry.filename.encode(OLD_NAMES) for entry in archive.infolist()[:MOST_NAMES] if _is_unsaid(entry)]
    ratings = [_ratings(name) for name in raw]
    others = {encoding: sum(rated[encoding] for rated in ratings) / len(ratings) for encoding in _RATERS if ratings}
    return lambda entry: _name(entry, others)


def likely_encoding(name: bytes, encodings: Sequence[str]) -> str:
    """The one of these encodings in which the name looks most like one; "" where it looks like none in any."""
    ratings = {encoding: _rating(name, encoding) for encoding in encodings}
    best = max(encodings, key=ratings.__getitem__)
    return best if ratings[best] >= LEAST_RATING else ""


def _is_unsaid(entry: zipfile.ZipInfo) -> bool:
    """Whether the name is in an encoding that it doesn't say, and that isn't UTF-8, which many programs write unsaid."""
    if entry.flag_bits & UTF8_FLAG or entry.filename.isascii():
        return False
    return not _is_utf8(entry.filename.encode(OLD_NAMES))


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _name(entry: zipfile.ZipInfo, others: Mapping[str, float]) -> str:
    if entry.flag_bits & UTF8_FLAG:
        return entry.filename
    raw = entry.filename.encode(OLD_NAMES)
    told = _unicode_path(entry.extra, raw) if entry.extra else ""
    if told or _is_utf8(raw):
        return told or raw.decode("utf-8")
    ratings = _ratings(raw)
    best = max(ratings, key=lambda encoding: ratings[encoding] + SHARE_OF_OTHERS * others.get(encoding, 0.0))
    return raw.decode(best) if ratings[best] >= LEAST_RATING else entry.filename


def _unicode_path(extra: bytes, name: bytes) -> str:
    """The name in the field that Info-ZIP writes beside one in an old encoding, where it is about this name; else ""."""
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        content, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == UNICODE_PATH and content[:1] == b"\1" and content[1:5] == struct.pack("<L", zlib.crc32(name)):
            return content[5:].decode("utf-8", "replace")
    return ""


def _ratings(name: bytes) -> dict[str, float]:
    """How much the name looks like one in each encoding, from 0 to 1; -1 where it can't be in it."""
    return {encoding: _rating(name, encoding) for encoding in _RATERS}


def _rating(name: bytes, encoding: str) -> float:
    try:
        path = name.decode(encoding)
    except UnicodeDecodeError:
        return -1.0
    stem = _EXTENSION.sub("", path)
    beyond = [character for character in stem if not character.isascii()]
    if any(unicodedata.category(character) in {"Cc", "Co", "Cn"} for character in beyond):
        return -1.0
    odd = sum(not character.isalpha() and character not in _SIGNS for character in beyond) + len(_ODD.findall(stem))
    return _RATERS[encoding](stem) * max(0.0, 1 - odd / len(beyond)) if beyond else 0.0


def _alphabetic(*alphabets: frozenset[str], is_latin: bool = False) -> Callable[[str], float]:
    """Rates names in these alphabets; in the Latin one most letters of a name are those of ASCII, in others none is."""

    weights = [_weigher(alphabet) for alphabet in alphabets]

    def rate(stem: str) -> float:
        words = [word for word in _WORD.findall(stem) if not word.isascii()]
        letters = [letter for word in words for letter in word]
        own = [letter.lower() for letter in letters if not letter.isascii()]
        if not own:
            return 0.0
        known = max(sum(map(weigh, own)) / len(own) for weigh in weights)
        share = 1 - len(own) / len(letters)
        mixing = min(1.0, 0.5 + share) if is_latin else 1 - share
        return known * mixing * sum(map(_casing, words)) / len(words)

    return rate


def _weigher(alphabet: frozenset[str]) -> Callable[[str], float]:
    common = _COMMON_LETTERS.get(alphabet, alphabet)
    return lambda letter: COMMON if letter in common else KNOWN if letter in alphabet else 0.0


def _casing(word: str) -> float:
    is_usual = word.islower() or word.isupper() or word.istitle() or word[1:].islower()
    return COMMON if is_usual else 0.6


def _east_asian(common: frozenset[str], standard: str, *, syllables: str = "") -> Callable[[str], float]:
    """Rates names in these characters; `syllables` are the first and the last of a script that is beside them."""
    low, high = LEVEL_ONE[standard]

    def weigh(letter: str) -> float:
        if letter in common:
            return COMMON
        if syllables and any(syllables[at] <= letter <= syllables[at + 1] for at in range(0, len(syllables), 2)):
            return COMMON if common is _KANJI else 0.4
        try:
            code = letter.encode(standard)
        except UnicodeEncodeError:
            return RARE
        return KNOWN if len(code) > 1 and low <= code[0] <= high and common is not _HANGUL else RARE

    def rate(stem: str) -> float:
        letters = [letter for letter in stem if not letter.isascii() and letter.isalpha()]
        return sum(map(weigh, letters)) / len(letters) if letters else 0.0

    return rate


_LATIN = tuple(map(frozenset, LATIN_LETTERS))
# Of encodings in which a name looks alike the first one is taken: those of DOS, which archivers keep to, come first.
_RATERS: Mapping[str, Callable[[str], float]] = {
    "cp850": _alphabetic(*_LATIN, is_latin=True),
    "cp866": _alphabetic(_CYRILLIC),
    "gb18030": _east_asian(_SIMPLIFIED, "gb2312"),
    "cp932": _east_asian(_KANJI, "euc_jp", syllables="ぁヿ"),
    "cp949": _east_asian(_HANGUL, "euc_kr", syllables="가힣"),
    "big5": _east_asian(_TRADITIONAL, "big5"),
    "cp437": _alphabetic(*_LATIN, is_latin=True),
    "cp852": _alphabetic(*_LATIN, is_latin=True),
    "cp1252": _alphabetic(*_LATIN, is_latin=True),
    "cp1251": _alphabetic(_CYRILLIC),
    "cp1250": _alphabetic(*_LATIN, is_latin=True),
    "koi8_r": _alphabetic(_CYRILLIC),
    "cp737": _alphabetic(_GREEK),
}
