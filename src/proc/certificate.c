#include "proc/certificate.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"

bool
certificate_files(const struct conf *c, size_t i, struct certificate_files *out)
{
	const char *section = "tls", *name = NULL;

	if (*conf_str(c, "tls", NULL, "certificate") == '\0' || i > 0) {
		if (*conf_str(c, "tls", NULL, "certificate") != '\0')
			i--;
		section = "certificate";
		if ((name = conf_name(c, section, i)) == NULL)
			return false;
	}
	*out = (struct certificate_files){
		conf_str(c, section, name, "certificate"),
		conf_str(c, section, name, "key"),
	};
	return true;
}

static int
append(const char *path, struct buf *out, struct why *w)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r = fd == -1 ? -errno
			 : fd_read_whole(fd, CERTIFICATE_TEXT_MAX / 2 - 1, out);

	if (r != 0)
		return why(w, r, "%s", path);
	buf_put_byte(out, '\n');
	return 0;
}

int
certificate_read(
    const struct certificate_files *f, struct buf *out, struct why *w)
{
	int r = append(f->certificate, out, w);

	return r != 0 || *f->key == '\0' ? r : append(f->key, out, w);
}
