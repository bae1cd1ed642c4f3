import type { Kind } from "./sections.ts";

/** What a sentence is by its own words; null when it gives no sign. A statement about the user is always a preference. */
export function kindOf(text: string): Kind | null {
  if (isWish(text)) return "preference";
  if (trouble.test(text)) return "failure";
  return order.test(text) ? "preference" : null;
}

/** Whether the text speaks of what the user wants, whatever section it stands in. */
export function isWish(text: string): boolean {
  return WISHING.test(text) && wish.test(text);
}

/** A stem that every wish has: most sentences end here. */
const WISHING =
  /user|nutzer|utilisat|usuario|ユーザ|用户|我|prefer|préf|prefier|want|like|möchte|will|mag|bevorz|veu|quier|ください|ほしい/i;
const wish =
  /\b(?:the )?user (?:always |strongly |really |also |explicitly |repeatedly |clearly |generally )*(?:prefers?|wants?|likes?|dislikes?|hates?|insists?|expects?|asked (?:to|that|for|not)|does(?:n't| not) (?:want|like)|corrected|rejected|cares|values|said|told)\b|\b(?:i|we) (?:always |strongly |really )*(?:prefer|(?:don't|do not) (?:want|like)|want (?:you|it|the|all|every))\b|\bprefers? .{2,60} (?:over|to|instead)\b|\b(?:der |die )?(?:be)?nutzer(?:in)? (?:bevorzugt|möchte|will|wünscht|besteht|mag)|\bich (?:bevorzuge|möchte|will)\b|l['’]utilisat(?:eur|rice) (?:préfère|veut|souhaite|demande|aime)|\bje (?:préfère|veux)\b|el usuario (?:prefiere|quiere|pide|desea)|\b(?:prefiero|quiero)\b|ユーザー(?:は|が).{0,40}(?:好|望|希望|たい|求|要求|嫌|ほしい|指示)|てください|してほしい|用户(?:偏好|喜欢|希望|要求|想要|不喜欢|不希望)|我(?:希望|喜欢|想要)/iu;
const order =
  /^(?:please |bitte |also |and )?(?:always|never|prefer|don['’]?t|do not|avoid|make sure|keep|immer|niemals?|keine?n?|toujours|ne jamais|siempre|nunca|必ず|常に|总是|不要|请)(?:\s|(?<=[\u3040-\u9fff]))/iu;
const trouble =
  /\b(?:fail(?:s|ed|ure|ures|ing)?|error(?:s|ed)?|crash(?:es|ed)?|broke|breaks|broken|hangs?|hung|deadlock\w*|flak(?:y|es|iness)|regression|pitfall|gotcha|workaround|root cause|caused by|did(?:n't| not) work|does(?:n't| not) work|times? out|timed out|leak(?:s|ed)?|corrupt(?:s|ed)?|stuck|wrong(?:ly)?|bug|race condition|out of memory|enoent|eacces|ebusy)\b|\b(?:schlug|schlägt|schlagen) .{0,60}fehl|fehlgeschlagen|\bfehler|scheitert|abgestürzt|stürzt|kaputt|hängt|\b(?:échoue|échoué|échec|erreur|plante|bloque)|\b(?:falla|falló|fallo|fallan|error|rompe|bloquea)\b|失敗|エラー|クラッシュ|バグ|落ち(?:る|た)|壊れ|失败|错误|报错|崩溃|出错|卡住/iu;
