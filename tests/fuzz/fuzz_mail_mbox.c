#include <stdlib.h>

#include "mail/mbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int q = MBOX_RD; q <= MBOX_CL; q++) {
		struct view in = { data, size };
		struct mbox_message m;

		while (mbox_next(&in, (enum mbox_quoting)q, &m)) {
			AUTO_BUF struct buf b = BUF_INIT(m.text.n + 1);

			mbox_text(&m, (enum mbox_quoting)q, &b);
			if (b.failed || b.n > m.text.n || m.text.p < data ||
			    m.text.p + m.text.n > data + size ||
			    in.p + in.n != data + size)
				abort();
		}
		if (in.n > 0 && mbox_is(in))
			abort();
	}
	return 0;
}
