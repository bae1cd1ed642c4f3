/** One shape of a line that a model leaves while it writes a file, and that is no part of the file. */
interface ResidueShape {
  /** Completes "Line 3 of MEMORY.md is …". */
  readonly what: string;
  readonly pattern: RegExp;
}

/**
 * Lines that are never memory, wherever they stand at the beginning of a line. Lists and headings are not looked at:
 * a statement may speak of a `<think>` tag or of a patch.
 */
export const RESIDUE_SHAPES: readonly ResidueShape[] = [
  {
    what: "markup of a model's tools or thoughts",
    pattern:
      /^<(?:[/!?]{0,1})(?:think|thinking|thoughts?|reason|reasoning|reflection|scratchpad|analysis|plan|answer|final|final_answer|output|response|result|results|reply|tool|tool_\w{1,20}|tools|function\w{0,20}|invoke|parameters?|arg\w{0,20}|antml:\w{1,20}|content|contents|file|files|file_\w{1,20}|filename|path|document|documents|doc|text|markdown|md|code|artifact\w{0,20}|memory\w{0,20}|summary|edit|edits|write\w{0,20}|update\w{0,20}|new_\w{1,20}|old_\w{1,20}|diff|patch|html|head|body|pre|div|p|span|article|section|main|doctype|xml|root|data|item|json|yaml|begin|end|start|stop|s|eos|bos)\b[^>]{0,300}>/i,
  },
  {
    what: "markup of a model's tools or thoughts",
    pattern:
      /^\[\/?(?:TOOL_\w{1,20}|TOOLS?|INST|SYS|THINK|ANSWER|OUTPUT|RESPONSE|FILE|BEGIN|END|START|STOP)(?:[:= ][^\]]{0,80})?\]|^<<\/?SYS>>/i,
  },
  {
    what: "a tag with nothing else on its line",
    pattern:
      /^<\/?(?!(?:system|assistant|user|human|developer)\b)[A-Za-z][\w:.-]{0,40}(?:\s[^<>]{0,300})?\/?>\s*$/,
  },
  {
    what: "the call of a tool",
    pattern:
      /^(?:\{|\[\{)\s*"(?:name|tool|tool_name|function|type|command|arguments|args|input|path|file|file_path|filename|content|text|id|role|recipient\w*)"\s*:|^(?:functions?|tools?|default_api|multi_tool_use)\.\w{1,40}\s?\(|^(?:write|edit|create|update|save|replace|str_replace\w*|apply_patch|write_file|write_to_file|read_file|edit_file)\s?\(/i,
  },
  {
    what: "a shell command that writes a file",
    pattern:
      /^(?:\$ |> )?(?:cat|tee|printf|echo|python3?|ed|sed|perl|apply_patch|git apply)\b.{0,300}(?:<<-?\s?\\?['"]?\w|>{1,2}\s?["']?[\w./-]{0,100}(?:MEMORY|memory_summary)\.md)/,
  },
  {
    what: "the end of a shell's here-document",
    pattern: /^(?:EOF|EOT|EOS|HEREDOC|__EOF__|PATCH|ENDOFFILE|END_OF_FILE)$/,
  },
  {
    what: "the text of a patch",
    pattern:
      /^\*{3} (?:Begin Patch|End Patch|Update File|Add File|Delete File|Move to|End of File)\b|^@@(?: |$)|^diff --git |^index [0-9a-f]{7,40}\.\.|^(?:---|\+\+\+) (?:[ab]\/|\/dev\/null|\S{0,200}\.md\b)|^(?:<{5,9}|>{5,9}|\|{7})(?: ?[\w./-]{0,80})?$|^\\ No newline at end of file|^(?:SEARCH|REPLACE):?$/,
  },
  {
    what: "the name of a file, not its text",
    pattern:
      /^[\W_]{0,8}(?:(?:file(?:name|path)?|path|datei|fichier|archivo)\s?[:=]\s?)?[`*"'_]{0,3}(?:\.?\/?[\w./-]{0,100}\/)?(?:MEMORY|memory_summary)\.md[`*"'_]{0,3}[\W_]{0,8}(?:\((?:new|updated|modified|unchanged|created)[^)]{0,40}\))?[\W_]{0,4}$/,
  },
];

/** What a model says about its work, at the beginning of a sentence; only prose between lists is compared with it. */
export const CHAT: readonly RegExp[] = [
  /^(?:sure|certainly|of course|absolutely|okay|ok|alright|great|perfect|got it|understood|done|finished|all (?:set|done)|no problem|happy to|hello|hi|hey|thanks?|thank you|you're welcome|good (?:question|news)|excellent|right)\b[\s,.!:;—–-]/i,
  /^(?:here(?:'|’)?s|here (?:is|are)|below (?:is|are)|this is|these are|the following (?:is|are)|attached|find below|please find|see below|as requested|as (?:you )?asked)\b.{0,160}\b(?:memory|handbook|file|files|content|contents|version|summary|update|updates|changes|document|markdown|result|output|notes?|draft|rewrite)\b/i,
  /^(?:i|we)(?:'|’)?(?:ve| have|'ll|’ll| will| am|'m|’m| was| can| could| did| need| should| think| believe| hope| added| updated| merged| kept| removed| folded| wrote| created| noticed| notice| see| understand| apologi[sz]e|'d|’d| would)?\b.{0,200}\b(?:memory|handbook|file|files|changes?|updat|merg|fold|notes?|group|groups|section|sections|task|tasks|you|this|these|bullets?|entr(?:y|ies)|summary)/i,
  /^(?:let me|let's|let us|feel free|please (?:let|review|note|confirm|check|find|see|tell)|would you|do you|should i|shall i|can i|could you|if you (?:need|want|have|would|like)|is there anything|anything else|hope (?:this|that)|i hope|don't hesitate|just (?:let|tell|ask)|note that i|in (?:summary|conclusion)|to summarize|overall)\b/i,
  /^(?:(?:key |main |recent |my )?(?:changes|updates|edits|modifications)(?: made)?|what (?:i|has) (?:changed|did|been)|summary of (?:the |my )?(?:changes|updates|edits)|(?:the )?(?:memory|handbook|file|files|MEMORY\.md|update|task|consolidation) (?:has|have|is|are|was|were)(?: now| been)? (?:now )?(?:updated|complete|completed|done|finished|merged|saved|written|created|consolidated|ready))\b/i,
  /^(?:hier (?:ist|sind|kommt)|gerne|natürlich|selbstverständlich|klar|fertig|erledigt|ich habe|ich werde|ich hoffe|lass(?:en sie)? (?:es )?mich|sag(?:en sie)? (?:mir )?bescheid|bei fragen|falls (?:du|sie)|soll ich|möchtest du|möchten sie|die datei wurde|zusammenfassung der änderungen)\b/i,
  /^(?:voici|voilà|bien sûr|d'accord|très bien|j'ai|je (?:vais|viens|peux|reste)|n'hésite[sz]?|souhaite[sz]|si vous|si tu|le fichier a été|terminé|résumé des modifications)(?:\b|\s)/i,
  /^(?:aquí (?:está|tienes|van)|por supuesto|claro|listo|hecho|he (?:actualizado|añadido|fusionado|creado|escrito)|espero que|déjame saber|avísame|házmelo saber|si (?:necesitas|quieres|deseas)|¿|el archivo (?:ha sido|fue)|resumen de (?:los )?cambios)(?:\b|\s)/i,
  /^(?:ecco|certo|certamente|fatto|ho (?:aggiornato|aggiunto)|fammi sapere|aqui está|claro|pronto|atualizei|me avise|hier is|natuurlijk|ik heb|laat het me weten|oto|jasne|gotowe|zaktualizowa|daj mi znać)(?:\b|\s|\p{L})/iu,
  /^(?:вот|конечно|хорошо|готово|я (?:обновил|добавил|объединил|сделал|могу)|если (?:вам|тебе|нужно)|дайте знать|дай знать|надеюсь|обновлённый|ниже приведен)/i,
  /^(?:以下(?:是|为|が|は)|好的|当然|没问题|已(?:经)?(?:更新|完成|合并)|我(?:已|将|会|可以)|如(?:果|需|有)|请(?:告诉|随时|注意|查看)|希望|これは|はい|承知|了解|更新(?:しました|されました)|完了|ご(?:確認|不明|要望)|何か|必要(?:に|で)|다음은|네,|알겠|업데이트|완료|필요(?:하시면|한)|궁금)/,
];

const SIGN = "(?:\\.{3}|…|\\[|\\(|\\{|<|//|/\\*|#\\s?(?:\\.{3}|…))";
const OMISSION =
  "(?:unchanged|omitted|omit|truncated|elided|snipped|snip|abbreviated|redacted for|shortened for|for brevity|as (?:before|is|it was|they were|above)|same as (?:before|above|the|in)|no changes?|not shown|left out|left as|continue[sd]?|continuing|continuation|remain(?:s|ing|der)?|rest of|the rest|rest (?:is|of|remains|unchanged)|existing (?:\\w+ ){0,2}(?:content|contents|text|entries|groups?|tasks?|sections?|items|bullets|lines|memory|file|code)|(?:previous|prior|other|original|earlier|remaining|following|above) (?:\\w+ ){0,2}(?:content|contents|text|entries|groups?|tasks?|sections?|items|bullets|lines|memory|file|code)|keep (?:the )?(?:rest|existing|as)|more (?:lines|entries|items|groups|tasks|statements)|\\d+ (?:more|other|lines?|entries|items|tasks|groups)|content (?:here|goes here|omitted|unchanged|truncated)|insert|placeholder|to be (?:filled|continued|added|completed)|fill (?:in|me)|tbd|todo|etc|and so on|unverändert|ausgelassen|gekürzt|wie (?:bisher|zuvor|oben)|restliche|übrige|inchangée?s?|omise?s?|reste du|tronqué|sin cambios|sin modificar|omitid[oa]s?|resto (?:de|del)|truncado|без изменений|остальн|опущен|省略|不变|其余|以下同|保持不变|変更なし|残り|そのまま|생략|나머지|변경 없음)";

/** A line that stands for text which is not there. Bullets count too, unless they cite a task. */
export const PLACEHOLDERS: readonly RegExp[] = [
  /^(?:\.{3,}|…+|(?:\. ){2,}\.?|\[\s?(?:\.{3}|…)\s?\]|<\s?(?:\.{3}|…)\s?>|\(\s?(?:\.{3}|…)\s?\))$/,
  new RegExp(`^${SIGN}+\\s{0,4}.{0,80}?${OMISSION}.{0,100}$`, "iu"),
  new RegExp(`^.{0,60}?${OMISSION}.{0,60}(?:\\.{3}|…)[\\])}>*/]{0,4}$`, "iu"),
  /^(?:rest|remainder|everything else|all else|all other|other (?:groups|tasks|sections|entries|statements)|previous (?:content|groups|sections|entries)|existing (?:content|groups|sections|entries)|content|remaining)\b.{0,60}\b(?:unchanged|omitted|truncated|as before|as is|the same|not changed|remains?|stays?|preserved|kept)\b.{0,30}$/i,
];
