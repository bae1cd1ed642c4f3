/** What a statement is good for. */
export type Kind = "preference" | "knowledge" | "failure";

/** What the heading above a piece of text says it is; `task` starts a new subject, `skip` is nothing to keep. */
export type Section = Kind | "skip" | "task" | "other";

const forms: readonly (readonly [Section, RegExp])[] = [
  [
    "skip",
    /^(?:(?:key|main|relevant|other|all|more|see|rollout|task|user|final|agent|raw) )*(?:references?|files?(?: (?:edited|changed|touched|modified|read))?|steps(?: taken)?|timeline|transcript|logs?|outputs?|diffs?|changelog|context|messages?|requests?|(?:final )?(?:agent )?message|next steps?|to-?dos?|open questions|what i did|changes made|outcomes?|status|metadata|raw)(?: \([^)]*\))?$|^(?:quellen|verweise|dateien|verlauf|schritte|nächste schritte|wünsche|kontext|fichiers|références|étapes|contexte|demandes|archivos|referencias|pasos|contexto|peticiones|ファイル|参考|参照|手順|文件|参考资料|引用|步骤|背景|下一步)$/iu,
  ],
  [
    "failure",
    /fail|pitfall|gotcha|mistake|problem|\bbugs?\b|went wrong|didn.?t work|avoid|trap|error|caveat|warning|dead ends?|lessons? from|do differently|troubleshoot|fehler|fehlschl|stolper|problem|probleme|schiefgegangen|échec|erreur|piège|fallos|errores|problemas|trampas|失敗|エラー|落とし穴|問題|注意点|失败|错误|问题|坑|教训/iu,
  ],
  [
    "preference",
    /preference|prefers|user (?:wants|likes|steering|signals|corrections|style|said|feedback)|steering|likes and dislikes|working style|working agreement|house rules|vorlieben|präferenz|arbeitsweise|préférence|preferencia|好み|要望|希望|ユーザー|偏好|喜好|用户/iu,
  ],
  [
    "knowledge",
    /knowledge|learned|learnt|learnings?|lessons|facts?|insights?|notes?|how (?:it|things) works?|architecture|decisions?|findings?|discover|conventions?|setup|environment|commands?|recipes?|procedures?|layout|map|tips|background|erkenntnis|wissen|gelernt|fakten|notizen|entscheid|connaissance|appris|faits|conocimiento|aprendi|hechos|notas|知識|学び|分かった|事実|メモ|知见|知识|经验|事实|要点|备注/iu,
  ],
];

/** Reads a heading in any of the forms notes use. `# Task 2: title`, `Task: title` and `Aufgabe 2 - …` are tasks. */
export function sectionOf(heading: string): Section {
  const text = heading.trim();
  if (taskTitle(text) !== null) return "task";
  if (text.length > 90) return "other";
  return forms.find(([, form]) => form.test(text))?.[0] ?? "other";
}

/** The title in a task heading, or null when it isn't one. */
export function taskTitle(heading: string): string | null {
  const match =
    /^(?:task|aufgabe|tâche|tarea|タスク|任务)\s*(?:\d{1,3}|[a-z]\b)?\s*[:：.—–-]\s*(\S.*)$/iu.exec(
      heading.trim(),
    );
  return match?.[1] ?? null;
}

/** A label in front of a single item, such as `Preference: …` or `Failure - …`, and what follows it. */
export function labelled(text: string): { readonly kind: Kind | "skip"; readonly rest: string } | null {
  const match = /^([\p{L} ]{3,32}?)\s*[:：]\s*(\S.*)$/su.exec(text);
  const label = match?.[1]?.toLowerCase().trim();
  const kind = label === undefined ? undefined : labels.get(label);
  return kind === undefined ? null : { kind, rest: match?.[2] ?? "" };
}

const labels: ReadonlyMap<string, Kind | "skip"> = new Map(
  (
    [
      [
        "preference",
        "preference|preferences|user preference|pref|preference signal|user|vorliebe|präferenz|préférence|preferencia|好み|偏好|用户偏好",
      ],
      [
        "knowledge",
        "fact|knowledge|learned|learning|note|insight|decision|finding|tip|fakt|notiz|erkenntnis|merke|fait|note|hecho|nota|事実|メモ|事实|注意",
      ],
      [
        "failure",
        "failure|pitfall|gotcha|lesson|mistake|caution|warning|fehler|stolperfalle|échec|piège|fallo|失敗|失败|教训",
      ],
      [
        "skip",
        "context|rollout context|kontext|contexte|contexto|outcome|task outcome|status|files edited|files changed|files touched|files read|files|evidence|source|rollout|thread|session|reference|references|keywords|tools used|tokens|duration|next step|next steps|result|results|timestamp|branch|commit|date",
      ],
    ] as const
  ).flatMap(([kind, names]) => names.split("|").map((name) => [name, kind] as const)),
);

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
