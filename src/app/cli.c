/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli.h"

#include <stdarg.h>
#include <string.h>

#include "console.h"

const char cli_config_default[] = "/etc/conntrackd/conntrackd.conf";

/* ---- scanner ---- */

struct word {
	const char *name;
	uint32_t request;
};

/* Which word a prefix means is decided by order: the first that matches. */
static const struct word words_commit[] = {{"ct", CTL_COMMIT_CT}, {"expect", CTL_COMMIT_EXP}};
static const struct word words_internal[] = {
    {"ct", CTL_DUMP_INTERNAL}, {"expect", CTL_DUMP_INTERNAL_EXP}};
static const struct word words_external[] = {
    {"ct", CTL_DUMP_EXTERNAL}, {"expect", CTL_DUMP_EXTERNAL_EXP}};
static const struct word words_kernel[] = {
    {"ct", CTL_FLUSH_KERNEL_CT}, {"expect", CTL_FLUSH_KERNEL_EXP}};
static const struct word words_resync[] = {
    {"ct", CTL_RESYNC_KERNEL_CT}, {"expect", CTL_RESYNC_KERNEL_EXP}};
static const struct word words_flush[] = {
    {"internal", CTL_FLUSH_INTERNAL}, {"external", CTL_FLUSH_EXTERNAL}};
static const struct word words_stats[] = {
    {"network", CTL_STATS_NETWORK},
    {"cache", CTL_STATS_CACHE},
    {"runtime", CTL_STATS_RUNTIME},
    {"multicast", CTL_STATS_LINK},
    {"link", CTL_STATS_LINK},
    {"rsqueue", CTL_STATS_RSQUEUE},
    {"process", CTL_STATS_PROCESS},
    {"queue", CTL_STATS_QUEUE},
    {"ct", CTL_STATS},
    {"expect", CTL_STATS_EXPECT},
};

struct command {
	char letter;
	uint32_t bare; /* without a word */
	const struct word *words;
	size_t words_count;
};

static const struct command commands[] = {
    {'c', CTL_COMMIT, words_commit, ARRAY_LEN(words_commit)},
    {'f', CTL_FLUSH_CACHES, words_flush, ARRAY_LEN(words_flush)},
    {'F', CTL_FLUSH_KERNEL, words_kernel, ARRAY_LEN(words_kernel)},
    {'i', CTL_DUMP_INTERNAL, words_internal, ARRAY_LEN(words_internal)},
    {'e', CTL_DUMP_EXTERNAL, words_external, ARRAY_LEN(words_external)},
    {'k', CTL_KILL, NULL, 0},
    {'s', CTL_STATS, words_stats, ARRAY_LEN(words_stats)},
    {'R', CTL_RESYNC_KERNEL, words_resync, ARRAY_LEN(words_resync)},
    {'n', CTL_REQUEST_RESYNC, NULL, 0},
    {'B', CTL_BULK, NULL, 0},
    {'t', CTL_PURGE_TIMER, NULL, 0},
};

static const struct command *
find_command(char letter)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (commands[i].letter == letter)
			return &commands[i];
	}
	return NULL;
}

static const struct word *
find_word(const struct command *cmd, const char *prefix)
{
	for (size_t i = 0; i < cmd->words_count; i++) {
		if (strncmp(cmd->words[i].name, prefix, strlen(prefix)) == 0)
			return &cmd->words[i];
	}
	return NULL;
}

ATTR_PRINTF(3, 4)
static bool
scan_fail(struct cli_request *out, bool show_usage, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->error, sizeof(out->error), fmt, ap);
	va_end(ap);
	out->show_usage = show_usage;
	return false;
}

static void
scan_warn(struct cli_request *out, const char *text)
{
	for (size_t i = 0; i < out->warnings_count; i++) {
		if (out->warnings[i] == text)
			return;
	}
	if (out->warnings_count < CLI_WARNINGS_MAX)
		out->warnings[out->warnings_count++] = text;
}

/* A client command at argv[*i], with its optional word. */
static bool
scan_command(struct cli_request *out, const struct command *cmd, int argc, char *const argv[],
    int *i)
{
	static const char use_link[] = "use `link' instead of `multicast' as parameter.";
	const char *arg = *i + 1 < argc ? argv[*i + 1] : NULL;
	const struct word *word;

	out->role = CLI_CLIENT;
	out->request = cmd->bare;
	if (cmd->words_count == 0 || !arg || arg[0] == '-')
		return true;
	(*i)++;
	word = find_word(cmd, arg);
	if (!word)
		return scan_fail(out, false, "unknown parameter `%s' for option `-%c'", arg,
		    cmd->letter);
	out->request = word->request;
	if (strcmp(word->name, "multicast") == 0)
		scan_warn(out, use_link);
	return true;
}

/* -x turns the dump that stands before it into XML. */
static bool
scan_xml(struct cli_request *out)
{
	static const uint32_t pairs[][2] = {
	    {CTL_DUMP_INTERNAL, CTL_DUMP_INTERNAL_XML},
	    {CTL_DUMP_EXTERNAL, CTL_DUMP_EXTERNAL_XML},
	    {CTL_DUMP_INTERNAL_EXP, CTL_DUMP_INTERNAL_EXP_XML},
	    {CTL_DUMP_EXTERNAL_EXP, CTL_DUMP_EXTERNAL_EXP_XML},
	};

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		if (out->role == CLI_CLIENT && out->request == pairs[i][0]) {
			out->request = pairs[i][1];
			return true;
		}
	}
	return scan_fail(out, true, "Invalid parameters");
}

static bool
scan_config(struct cli_request *out, int argc, char *const argv[], int *i)
{
	if (argv[*i][2] != '\0') {
		out->config_path = argv[*i] + 2;
		return true;
	}
	if (*i + 1 >= argc)
		return scan_fail(out, true, "Missing config filename");
	out->config_path = argv[++*i];
	return true;
}

/* What is no option, nor a verb. */
static bool
scan_word(struct cli_request *out, const char *arg)
{
	const char *meant = console_suggest(arg);

	if (meant != NULL)
		return scan_fail(out, true, "Unknown option: %s (did you mean %s?)", arg, meant);
	return scan_fail(out, true, "Unknown option: %s", arg);
}

/* One option that takes no word and is not a client command. */
static bool
scan_other(struct cli_request *out, const char *arg, bool *daemon)
{
	static const char obsolete[] = "-S option is obsolete. Ignoring.";

	switch (arg[1]) {
	case 'd':
		*daemon = true;
		return true;
	case 'x':
		return scan_xml(out);
	case 'S':
		scan_warn(out, obsolete);
		return true;
	case 'h':
		out->role = CLI_HELP;
		return true;
	case 'v':
		out->role = CLI_VERSION;
		return true;
	default:
		return scan_fail(out, true, "Unknown option: %s", arg);
	}
}

bool
cli_scan(struct cli_request *out, int argc, char *const argv[])
{
	bool daemon = false;

	memset(out, 0, sizeof(*out));
	out->role = CLI_DAEMON_FOREGROUND;
	out->config_path = cli_config_default;
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];
		const struct command *cmd;
		bool ok;

		/* All that follows is its own. */
		if (out->role == CLI_DAEMON_FOREGROUND && !daemon && console_find(arg) != NULL) {
			out->role = CLI_VERB;
			out->verb = i;
			return true;
		}
		if (arg[0] == '-' && arg[1] == 'C') {
			ok = scan_config(out, argc, argv, &i);
		} else if (arg[0] != '-' || arg[1] == '\0' || arg[2] != '\0') {
			ok = scan_word(out, arg);
		} else {
			cmd = find_command(arg[1]);
			ok = cmd ? scan_command(out, cmd, argc, argv, &i)
				 : scan_other(out, arg, &daemon);
		}
		if (!ok)
			return false;
		if (out->role == CLI_HELP || out->role == CLI_VERSION)
			return true;
	}
	if (daemon && out->role == CLI_CLIENT)
		return scan_fail(out, true, "Invalid parameters");
	if (daemon)
		out->role = CLI_DAEMON_BACKGROUND;
	return true;
}

void
cli_print_usage(FILE *out, const char *version)
{
	fprintf(out,
	    "Connection tracking userspace daemon v%s\n"
	    "Usage: conntrackd [commands] [options]\n"
	    "\n"
	    "General commands:\n"
	    "  -d, run in daemon mode\n"
	    "  -C [configfile], configuration file path\n"
	    "  -v, display conntrackd version\n"
	    "  -h, display this help information\n"
	    "\n"
	    "Client mode commands:\n"
	    "  -c [ct|expect], commit external cache to conntrack table\n"
	    "  -f [internal|external], flush internal and external cache\n"
	    "  -F [ct|expect], flush kernel conntrack table\n"
	    "  -i [ct|expect], display content of the internal cache\n"
	    "  -e [ct|expect], display content of the external cache\n"
	    "  -k, stop the daemon\n"
	    "  -s [network|cache|runtime|link|rsqueue|queue|process|ct|expect], "
	    "display statistics\n"
	    "  -R [ct|expect], resync with kernel conntrack table\n"
	    "  -n, request resync with other node\n"
	    "  -B, force a bulk send to other nodes\n"
	    "  -x, display cache in XML format (after -i or -e)\n"
	    "  -t, flush kernel table after PurgeTimeout\n"
	    "\n"
	    "Verbs (conntrackd [-C configfile] VERB [--help] [--json]):\n",
	    version);
	console_list(out);
	fputs("\n", out);
}

void
cli_print_version(FILE *out, const char *version)
{
	fprintf(out,
	    "Connection tracking userspace daemon v%s. Licensed under GPLv2 or later.\n"
	    "There is NO WARRANTY, to the extent permitted by law.\n",
	    version);
}
