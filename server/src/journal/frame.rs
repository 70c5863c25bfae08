pub(super) const ROW_LEN: usize = 16;
